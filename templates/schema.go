package templates

import (
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing/locales"
)

// scope is a set of names that become known together.
type scope uint8

const (
	scopeRoot scope = iota
	scopeItem
	scopeProperty
	scopeRow
	scopeLine // a line of an address: only {{.}}
	scopeGood // a recommended article
	scopeOption
	scopeVar   // {{vars.NAME}}: the field is the name's index in the set
	scopeBlock // {{#blocks.NAME}} likewise
	numScopes
)

// The fields of the root.
const (
	fLang = iota
	fDir
	fSubject
	fPreheader
	fGreeting
	fIntro
	fBrandName
	fLogoURL
	fHomeURL
	fFooter
	fTest
	fNumber
	fDate
	fCustomer
	fNote
	fButtonURL
	fButton
	fSecondURL
	fSecond
	fSupportURL
	fMoreItems
	fItemCount
	fTotal
	fWindow
	fWindowLabel
	fMethod
	fStock
	fDelivery
	fPayment
	fShippingLabel
	fBilling
	fShipping
	fOrderURL
	fTrackingURL
	fColon
	fPersonal
	fRecommendations
	fDelay
	fDelayNotice
	fDelayWindow
	fDelayChoice
	fHeadline
	fPurchaseOrder
	fTotalPlain
	fMoreTotal
	fAmountDue
	fDeliveryNote
	fNext
	fWide
	fPay
	fPayAmount
	fPayReference
	fInstructions
	fPayURL
	fInvoiceURL
	fReturnsURL
	fLegal
	fLegalLinks
	fRegister
	fVAT
	fLegalText
	fTermsURL
	fWithdrawalURL
	fPrivacyURL
	// Lists.
	fItems
	fCharges
	fIncluded
	fSettlements
	fShippingLines
	fBillingLines
	fBrandAddress
	fRecommended
	fRecommendedAll
	fDelayOptions
	fSeller
	numRoot
)

// The fields of an item.
const (
	iName = iota
	iURL
	iImage
	iAlt
	iInitial
	iVariant
	iSKU
	iQuantity
	iUnit
	iQuantityPrice
	iTotal
	iSaving
	iRefunded
	iDigital
	iStockGood
	iStockWait
	iBundle
	iTotalBelow
	iProperties
	numItem
)

// The fields of a property, of a row of amounts, of a line.
const (
	pName = iota
	pValue
	numProperty
)
const (
	rLabel = iota
	rAmount
	rSaving
	numRow
)

// The fields of a recommended article and of another way to deliver.
const (
	gName = iota
	gSKU
	gPrice
	gURL
	gImage
	gAlt
	gInitial
	numGood
)
const (
	oName = iota
	oURL
	numOption
)

// ref packs a scope and a field.
func ref(s scope, f int) int { return int(s)<<8 | f }

// entry is one name of a scope.
type entry struct {
	kind kind
	f    int
	// of is the scope that a list's elements open.
	of scope
}

// rootNames are the fields that a template may use anywhere. docs list them
// from here.
var rootNames = map[string]entry{
	"lang":               {kindText, fLang, 0},
	"dir":                {kindText, fDir, 0},
	"colon":              {kindText, fColon, 0},
	"subject":            {kindText, fSubject, 0},
	"preheader":          {kindText, fPreheader, 0},
	"greeting":           {kindText, fGreeting, 0},
	"intro":              {kindText, fIntro, 0},
	"headline":           {kindText, fHeadline, 0},
	"next":               {kindText, fNext, 0},
	"test":               {kindFlag, fTest, 0},
	"brand.name":         {kindText, fBrandName, 0},
	"brand.logo_url":     {kindURL, fLogoURL, 0},
	"brand.home_url":     {kindURL, fHomeURL, 0},
	"brand.footer":       {kindText, fFooter, 0},
	"brand.address":      {kindList, fBrandAddress, scopeLine},
	"order.number":       {kindText, fNumber, 0},
	"order.date":         {kindText, fDate, 0},
	"order.note":         {kindText, fNote, 0},
	"order.item_count":   {kindText, fItemCount, 0},
	"order.po_number":    {kindText, fPurchaseOrder, 0},
	"order.url":          {kindURL, fOrderURL, 0},
	"order.tracking_url": {kindURL, fTrackingURL, 0},
	"customer.name":      {kindText, fCustomer, 0},
	"button":             {kindText, fButton, 0},
	"button_url":         {kindURL, fButtonURL, 0},
	"second":             {kindText, fSecond, 0},
	"second_url":         {kindURL, fSecondURL, 0},
	"support_url":        {kindURL, fSupportURL, 0},
	"invoice_url":        {kindURL, fInvoiceURL, 0},
	"returns_url":        {kindURL, fReturnsURL, 0},
	"items":              {kindList, fItems, scopeItem},
	"more_items":         {kindText, fMoreItems, 0},
	"more_total":         {kindText, fMoreTotal, 0},
	"charges":            {kindList, fCharges, scopeRow},
	"total":              {kindText, fTotal, 0},
	"total_plain":        {kindText, fTotalPlain, 0},
	"amount_due":         {kindText, fAmountDue, 0},
	"wide":               {kindFlag, fWide, 0},
	"included_taxes":     {kindList, fIncluded, scopeRow},
	"settlements":        {kindList, fSettlements, scopeRow},
	"delivery":           {kindObject, fDelivery, 0},
	"delivery.window":    {kindText, fWindow, 0},
	"delivery.label":     {kindText, fWindowLabel, 0},
	"delivery.method":    {kindText, fMethod, 0},
	"delivery.stock":     {kindText, fStock, 0},
	"delivery.note":      {kindText, fDeliveryNote, 0},
	"payment":            {kindText, fPayment, 0},
	"pay":                {kindObject, fPay, 0},
	"pay.amount":         {kindText, fPayAmount, 0},
	"pay.reference":      {kindText, fPayReference, 0},
	"pay.instructions":   {kindText, fInstructions, 0},
	"pay_url":            {kindURL, fPayURL, 0},
	"shipping":           {kindObject, fShipping, 0},
	"shipping.label":     {kindText, fShippingLabel, 0},
	"shipping.lines":     {kindList, fShippingLines, scopeLine},
	"billing":            {kindObject, fBilling, 0},
	"billing.lines":      {kindList, fBillingLines, scopeLine},
	"personal":           {kindFlag, fPersonal, 0},
	"recommendations":    {kindFlag, fRecommendations, 0},
	"recommended":        {kindList, fRecommended, scopeGood},
	"recommended_all":    {kindList, fRecommendedAll, scopeGood},
	"delay":              {kindObject, fDelay, 0},
	"delay.notice":       {kindText, fDelayNotice, 0},
	"delay.window":       {kindText, fDelayWindow, 0},
	"delay.choice":       {kindFlag, fDelayChoice, 0},
	"delay.options":      {kindList, fDelayOptions, scopeOption},
	"legal":              {kindObject, fLegal, 0},
	"legal.seller":       {kindList, fSeller, scopeLine},
	"legal.register":     {kindText, fRegister, 0},
	"legal.vat":          {kindText, fVAT, 0},
	"legal.text":         {kindText, fLegalText, 0},
	"legal.links":        {kindFlag, fLegalLinks, 0},
	"terms_url":          {kindURL, fTermsURL, 0},
	"withdrawal_url":     {kindURL, fWithdrawalURL, 0},
	"privacy_url":        {kindURL, fPrivacyURL, 0},
}

var scopeNames = [numScopes]map[string]entry{
	scopeRoot: rootNames,
	scopeItem: {
		"name":           {kindText, iName, 0},
		"url":            {kindURL, iURL, 0},
		"image_url":      {kindURL, iImage, 0},
		"image_alt":      {kindText, iAlt, 0},
		"initial":        {kindText, iInitial, 0},
		"variant":        {kindText, iVariant, 0},
		"sku":            {kindText, iSKU, 0},
		"quantity":       {kindText, iQuantity, 0},
		"unit_price":     {kindText, iUnit, 0},
		"quantity_price": {kindText, iQuantityPrice, 0},
		"total":          {kindText, iTotal, 0},
		"saving":         {kindText, iSaving, 0},
		"refunded":       {kindText, iRefunded, 0},
		"digital":        {kindFlag, iDigital, 0},
		"stock_good":     {kindText, iStockGood, 0},
		"stock_wait":     {kindText, iStockWait, 0},
		"bundle":         {kindText, iBundle, 0},
		"total_below":    {kindText, iTotalBelow, 0},
		"properties":     {kindList, iProperties, scopeProperty},
	},
	scopeProperty: {"name": {kindText, pName, 0}, "value": {kindText, pValue, 0}},
	scopeRow:      {"label": {kindText, rLabel, 0}, "amount": {kindText, rAmount, 0}, "saving": {kindFlag, rSaving, 0}},
	scopeLine:     {},
	scopeGood: {
		"name":      {kindText, gName, 0},
		"sku":       {kindText, gSKU, 0},
		"price":     {kindText, gPrice, 0},
		"url":       {kindURL, gURL, 0},
		"image_url": {kindURL, gImage, 0},
		"image_alt": {kindText, gAlt, 0},
		"initial":   {kindText, gInitial, 0},
	},
	scopeOption: {"name": {kindText, oName, 0}, "url": {kindURL, oURL, 0}},
}

// orderSchema resolves the names of the view, t.NAME in a catalogue, and the
// names that plugins give, which it adds to the set's.
type orderSchema struct {
	catalogue *locales.Catalogue
	names     *personalNames
}

func (s orderSchema) resolve(stack []frame, name string) (field, bool) {
	if id, is := strings.CutPrefix(name, "t."); is {
		m, ok := s.catalogue.Message(id)
		return field{kind: kindMessage, msg: m}, ok
	}
	if f, is, ok := s.names.resolve(name); is {
		return f, ok
	}
	if name == "." {
		if len(stack) == 0 || stack[len(stack)-1].ref < 0 {
			return field{}, false
		}
		top := stack[len(stack)-1]
		return field{kind: kindText, ref: top.ref, frame: top}, true
	}
	for i := len(stack) - 1; i >= -1; i-- {
		at := frame{scope: scopeRoot, ref: -1}
		if i >= 0 {
			at = stack[i]
		}
		if e, ok := scopeNames[at.scope][at.prefix+name]; ok {
			return at.open(e, at.prefix+name), true
		}
	}
	return field{}, false
}

// known lists the names that may stand here, those of the innermost section first.
func (s orderSchema) known(stack []frame) []string {
	var names []string
	for i := len(stack) - 1; i >= -1; i-- {
		at := frame{scope: scopeRoot}
		if i >= 0 {
			at = stack[i]
		}
		own := make([]string, 0, len(scopeNames[at.scope]))
		for name := range scopeNames[at.scope] {
			if short, ok := strings.CutPrefix(name, at.prefix); ok {
				own = append(own, short)
			}
		}
		slices.Sort(own) // so that the same mistake has the same remedy
		names = append(names, own...)
	}
	return names
}

// open says what a section of the entry makes known.
func (at frame) open(e entry, name string) field {
	f := field{kind: e.kind, ref: ref(at.scope, e.f), frame: at}
	switch e.kind {
	case kindList:
		f.frame = frame{scope: e.of, ref: -1, list: true}
		if e.of == scopeLine {
			f.frame.ref = ref(scopeLine, 0)
		}
	case kindObject:
		f.frame.prefix, f.frame.ref = name+".", -1
	default:
		f.frame.ref = f.ref
	}
	return f
}
