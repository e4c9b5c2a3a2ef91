package locales

// Message names one text of the catalogues. The built-in ones have constants;
// a catalogue's own ones follow them.
type Message uint16

// The built-in messages; their text is in catalogue/en.json.
const (
	MsgSubjectNamed Message = iota
	MsgSubjectPlain
	MsgPreheader
	MsgHeadline
	MsgGreetingNamed
	MsgGreetingPlain
	MsgIntro
	MsgIntroPickup
	MsgIntroPrepay
	MsgTestOrder
	MsgOrderNumber
	MsgOrderDate
	MsgViewOrder
	MsgTrackOrder
	MsgContactSupport
	MsgYourItems
	MsgQuantity
	MsgMoreItems
	MsgSubtotal
	MsgDiscount
	MsgDiscountTitled
	MsgShipping
	MsgShippingTitled
	MsgFree
	MsgFee
	MsgDuties
	MsgTax
	MsgTaxRated
	MsgTaxIncluded
	MsgTip
	MsgGiftCard
	MsgGiftCardTitled
	MsgTotal
	MsgRemaining
	MsgRefunded
	MsgLineSaving
	MsgItemsRefunded
	MsgDigitalItem
	MsgStockAllocated
	MsgStockInStock
	MsgStockLow
	MsgStockBackorder
	MsgStockPreorder
	MsgStockOutOfStock
	MsgStockPending
	MsgPaymentMethod
	MsgCardEnding
	MsgPaidWith
	MsgPaidWithEnding
	MsgPaid
	MsgPayPending
	MsgPayAuthorized
	MsgPayPartly
	MsgPayPartlyRefunded
	MsgPayRefunded
	MsgCashOnDelivery
	MsgBankTransfer
	MsgCheque
	MsgInvoice
	MsgBillingAddress
	MsgShippingAddress
	MsgPickupAddress
	MsgDelivery
	MsgPickup
	MsgDeliveryMethod
	MsgYourNote
	MsgSupport
	MsgRecommendations
	MsgDelayTitle
	MsgDelayWeather
	MsgDelayVolume
	MsgDelayCustoms
	MsgDelayCarrier
	MsgDelayStock
	MsgDelayHoliday
	MsgDelayOther
	MsgDelayExpected
	MsgDelayAbout
	MsgDelayUpTo
	MsgSpanHours
	MsgSpanDays
	MsgDelayWindow
	MsgDelayOptions
	MsgFooter
	MsgLabelled
	MsgSms
	MsgSmsShort
	MsgStoreCredit
	MsgRounding
	MsgSurcharge
	MsgAdjustment
	MsgNet
	MsgAmountDue
	MsgDepositPaid
	MsgSameAsShipping
	MsgPartOf
	MsgPoNumber
	MsgSubjectRefunded
	MsgSubjectPrepay
	MsgHeadlineRefunded
	MsgIntroRefunded
	MsgIntroPartlyRefunded
	MsgIntroDeposit
	MsgIntroDigital
	MsgIntroPlain
	MsgIntroBackorder
	MsgBackorderNote
	MsgNothingToPay
	MsgHowToPay
	MsgPaymentReference
	MsgPayNow
	MsgWhatsNext
	MsgNextPacked
	MsgNextPickup
	MsgNextPrepay
	MsgInvoiceLink
	MsgReturnsLink
	MsgTerms
	MsgWithdrawal
	MsgPrivacy
	MsgVatNumber
	MsgRegister
	MsgSmsFrom
	MsgSmsRefunded
	MsgSmsPrepay

	numBuiltin
)

// builtinNames are the ids of the built-in messages in the catalogue files.
var builtinNames = [numBuiltin]string{
	MsgSubjectNamed:        "subject_named",
	MsgSubjectPlain:        "subject_plain",
	MsgPreheader:           "preheader",
	MsgHeadline:            "headline",
	MsgGreetingNamed:       "greeting_named",
	MsgGreetingPlain:       "greeting_plain",
	MsgIntro:               "intro",
	MsgIntroPickup:         "intro_pickup",
	MsgIntroPrepay:         "intro_prepay",
	MsgTestOrder:           "test_order",
	MsgOrderNumber:         "order_number",
	MsgOrderDate:           "order_date",
	MsgViewOrder:           "view_order",
	MsgTrackOrder:          "track_order",
	MsgContactSupport:      "contact_support",
	MsgYourItems:           "your_items",
	MsgQuantity:            "quantity",
	MsgMoreItems:           "more_items",
	MsgSubtotal:            "subtotal",
	MsgDiscount:            "discount",
	MsgDiscountTitled:      "discount_titled",
	MsgShipping:            "shipping",
	MsgShippingTitled:      "shipping_titled",
	MsgFree:                "free",
	MsgFee:                 "fee",
	MsgDuties:              "duties",
	MsgTax:                 "tax",
	MsgTaxRated:            "tax_rated",
	MsgTaxIncluded:         "tax_included",
	MsgTip:                 "tip",
	MsgGiftCard:            "gift_card",
	MsgGiftCardTitled:      "gift_card_titled",
	MsgTotal:               "total",
	MsgRemaining:           "remaining",
	MsgRefunded:            "refunded",
	MsgLineSaving:          "line_saving",
	MsgItemsRefunded:       "items_refunded",
	MsgDigitalItem:         "digital_item",
	MsgStockAllocated:      "stock_allocated",
	MsgStockInStock:        "stock_in_stock",
	MsgStockLow:            "stock_low",
	MsgStockBackorder:      "stock_backorder",
	MsgStockPreorder:       "stock_preorder",
	MsgStockOutOfStock:     "stock_out_of_stock",
	MsgStockPending:        "stock_pending",
	MsgPaymentMethod:       "payment_method",
	MsgCardEnding:          "card_ending",
	MsgPaidWith:            "paid_with",
	MsgPaidWithEnding:      "paid_with_ending",
	MsgPaid:                "paid",
	MsgPayPending:          "pay_pending",
	MsgPayAuthorized:       "pay_authorized",
	MsgPayPartly:           "pay_partly",
	MsgPayPartlyRefunded:   "pay_partly_refunded",
	MsgPayRefunded:         "pay_refunded",
	MsgCashOnDelivery:      "cash_on_delivery",
	MsgBankTransfer:        "bank_transfer",
	MsgCheque:              "cheque",
	MsgInvoice:             "invoice",
	MsgBillingAddress:      "billing_address",
	MsgShippingAddress:     "shipping_address",
	MsgPickupAddress:       "pickup_address",
	MsgDelivery:            "delivery",
	MsgPickup:              "pickup",
	MsgDeliveryMethod:      "delivery_method",
	MsgYourNote:            "your_note",
	MsgSupport:             "support",
	MsgRecommendations:     "recommendations",
	MsgDelayTitle:          "delay_title",
	MsgDelayWeather:        "delay_weather",
	MsgDelayVolume:         "delay_volume",
	MsgDelayCustoms:        "delay_customs",
	MsgDelayCarrier:        "delay_carrier",
	MsgDelayStock:          "delay_stock",
	MsgDelayHoliday:        "delay_holiday",
	MsgDelayOther:          "delay_other",
	MsgDelayExpected:       "delay_expected",
	MsgDelayAbout:          "delay_about",
	MsgDelayUpTo:           "delay_up_to",
	MsgSpanHours:           "span_hours",
	MsgSpanDays:            "span_days",
	MsgDelayWindow:         "delay_window",
	MsgDelayOptions:        "delay_options",
	MsgFooter:              "footer",
	MsgLabelled:            "labelled",
	MsgSms:                 "sms",
	MsgSmsShort:            "sms_short",
	MsgStoreCredit:         "store_credit",
	MsgRounding:            "rounding",
	MsgSurcharge:           "surcharge",
	MsgAdjustment:          "adjustment",
	MsgNet:                 "net",
	MsgAmountDue:           "amount_due",
	MsgDepositPaid:         "deposit_paid",
	MsgSameAsShipping:      "same_as_shipping",
	MsgPartOf:              "part_of",
	MsgPoNumber:            "po_number",
	MsgSubjectRefunded:     "subject_refunded",
	MsgSubjectPrepay:       "subject_prepay",
	MsgHeadlineRefunded:    "headline_refunded",
	MsgIntroRefunded:       "intro_refunded",
	MsgIntroPartlyRefunded: "intro_partly_refunded",
	MsgIntroDeposit:        "intro_deposit",
	MsgIntroDigital:        "intro_digital",
	MsgIntroPlain:          "intro_plain",
	MsgIntroBackorder:      "intro_backorder",
	MsgBackorderNote:       "backorder_note",
	MsgNothingToPay:        "nothing_to_pay",
	MsgHowToPay:            "how_to_pay",
	MsgPaymentReference:    "payment_reference",
	MsgPayNow:              "pay_now",
	MsgWhatsNext:           "whats_next",
	MsgNextPacked:          "next_packed",
	MsgNextPickup:          "next_pickup",
	MsgNextPrepay:          "next_prepay",
	MsgInvoiceLink:         "invoice_link",
	MsgReturnsLink:         "returns_link",
	MsgTerms:               "terms",
	MsgWithdrawal:          "withdrawal",
	MsgPrivacy:             "privacy",
	MsgVatNumber:           "vat_number",
	MsgRegister:            "register",
	MsgSmsFrom:             "sms_from",
	MsgSmsRefunded:         "sms_refunded",
	MsgSmsPrepay:           "sms_prepay",
}
