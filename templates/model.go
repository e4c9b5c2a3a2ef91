package templates

import "github.com/waxwinghq/waxwing/locales"

// value returns a field's value. Lists and objects have none.
func (v *view) value(r int) []byte {
	f := r & 0xff
	switch s := scope(r >> 8); s {
	case scopeRoot:
		if f < len(v.root) {
			return v.root[f]
		}
	case scopeItem:
		if f == iTotalBelow {
			if !v.flags.wide {
				return nil
			}
			f = iTotal
		}
		if f < iProperties {
			return v.items[v.at[s]].text[f]
		}
	case scopeProperty:
		return v.props[v.at[s]][f]
	case scopeRow:
		if f < rSaving {
			return v.rows[v.at[s]].text[f]
		}
	case scopeLine:
		return v.lines[v.at[s]]
	case scopeGood:
		return v.goods[v.at[s]][f]
	case scopeOption:
		return v.options[v.at[s]][f]
	case scopeVar:
		if f < len(v.vars) {
			return v.vars[f]
		}
	}
	return nil
}

// list returns which elements of its scope a list holds.
func (v *view) list(r int) (s scope, x indexes, ok bool) {
	f := r & 0xff
	switch scope(r >> 8) {
	case scopeRoot:
		switch f {
		case fItems:
			return scopeItem, indexes{0, len(v.items)}, true
		case fCharges, fIncluded, fSettlements:
			return scopeRow, v.spans[f], true
		case fShippingLines, fBillingLines, fBrandAddress, fSeller:
			return scopeLine, v.spans[f], true
		case fRecommended, fRecommendedAll:
			return scopeGood, v.spans[f], true
		case fDelayOptions:
			return scopeOption, v.spans[f], true
		}
	case scopeItem:
		if f == iProperties {
			return scopeProperty, v.items[v.at[scopeItem]].props, true
		}
	}
	return 0, indexes{}, false
}

func (v *view) count(r int) int {
	if _, x, ok := v.list(r); ok {
		return x.to - x.from
	}
	yes := false
	switch r {
	case ref(scopeRoot, fTest):
		yes = v.flags.test
	case ref(scopeRoot, fDelivery):
		yes = v.flags.delivery
	case ref(scopeRoot, fPay):
		yes = v.flags.pay
	case ref(scopeRoot, fLegal):
		yes = v.flags.legal
	case ref(scopeRoot, fLegalLinks):
		yes = v.flags.legalLinks
	case ref(scopeRoot, fWide):
		yes = v.flags.wide
	case ref(scopeRoot, fShipping):
		yes = v.spans[fShippingLines].to > v.spans[fShippingLines].from
	case ref(scopeRoot, fBilling):
		yes = v.spans[fBillingLines].to > v.spans[fBillingLines].from
	case ref(scopeItem, iDigital):
		yes = v.items[v.at[scopeItem]].digital
	case ref(scopeRow, rSaving):
		yes = v.rows[v.at[scopeRow]].saving
	case ref(scopeRoot, fPersonal):
		yes = v.flags.personal
	case ref(scopeRoot, fRecommendations):
		yes = len(v.goods) > 0
	case ref(scopeRoot, fDelay):
		yes = v.root[fDelayNotice] != nil
	case ref(scopeRoot, fDelayChoice):
		yes = len(v.options) > 0
	default:
		if scope(r>>8) == scopeBlock {
			yes = v.blockShown(r & 0xff)
			break
		}
		yes = len(v.value(r)) > 0
	}
	if yes {
		return 1
	}
	return 0
}

func (v *view) enter(r, i int) {
	if s, x, ok := v.list(r); ok {
		v.at[s] = x.from + i
	}
}

func (v *view) leave(int) {}

// message appends a message with its values. Its own words are trusted but may
// hold what HTML escapes.
func (v *view) message(b []byte, m locales.Message, esc escape) []byte {
	for _, p := range v.locale.Parts(m, v.bought) {
		if esc == escapeHTML || esc == escapeAttribute {
			b = appendHTML(b, p.Text, &htmlEntities)
		} else {
			b = append(b, p.Text...)
		}
		if p.Arg == locales.ArgCount {
			b = esc.append(b, v.root[fItemCount])
		} else if p.Arg != 0 {
			b = esc.append(b, v.args[p.Arg])
		}
	}
	return b
}

func (v *view) word(w word) string {
	if w == wordFont {
		return v.font
	}
	p := v.brand.palette
	if p == nil {
		p = newPalette(v.brand.Color)
		own := *v.brand
		own.palette = p
		v.brand = &own
	}
	return p.words[w]
}
