package plugins

import "slices"

// needs is a set of what a plugin may see of an order. What is not in it is
// not in its input: personal data stay away from plugins that do without.
type needs uint64

const (
	needOrderNumber needs = 1 << iota
	needOrderPlaced
	needOrderTotal
	needOrderNote
	needOrderPayment
	needItems
	needItemNames
	needItemPrices
	needCustomerID
	needFirstName
	needLastName
	needEmail
	needPhone
	needGroup
	needOrders
	needPoints
	needCountry
	needRegion
	needCity
	needPostalCode
	needDelivery
	needCandidates
	needCandidateNames
	needCandidatePrices
	needBaskets
	needLane
	needFormat
)

const (
	needOrder    = needOrderNumber | needOrderPlaced | needOrderTotal | needOrderNote | needOrderPayment
	needCustomer = needCustomerID | needFirstName | needLastName | needEmail | needPhone | needGroup | needOrders | needPoints
	needShipping = needCountry | needRegion | needCity | needPostalCode
)

// needTable is the vocabulary of a manifest's needs.
var needTable = []struct {
	name string
	bits needs
}{
	{"order.number", needOrderNumber}, {"order.placed_at", needOrderPlaced}, {"order.total", needOrderTotal},
	{"order.note", needOrderNote}, {"order.payment", needOrderPayment},
	{"items", needItems}, {"items.name", needItems | needItemNames}, {"items.price", needItems | needItemPrices},
	{"customer.id", needCustomerID}, {"customer.first_name", needFirstName}, {"customer.last_name", needLastName},
	{"customer.email", needEmail}, {"customer.phone", needPhone}, {"customer.group", needGroup},
	{"customer.orders", needOrders}, {"customer.points", needPoints},
	{"shipping.country", needCountry}, {"shipping.region", needRegion}, {"shipping.city", needCity},
	{"shipping.postal_code", needPostalCode}, {"delivery", needDelivery},
	{"candidates", needCandidates}, {"candidates.name", needCandidates | needCandidateNames},
	{"candidates.price", needCandidates | needCandidatePrices}, {"baskets", needBaskets}, {"lane", needLane}, {"format", needFormat},
}

func (n *needs) add(name string) bool {
	i := slices.IndexFunc(needTable, func(e struct {
		name string
		bits needs
	}) bool {
		return e.name == name
	})
	if i < 0 {
		return false
	}
	*n |= needTable[i].bits
	return true
}

func (n needs) has(m needs) bool { return n&m != 0 }

func needNames() []string {
	out := make([]string, len(needTable))
	for i := range needTable {
		out[i] = needTable[i].name
	}
	return out
}
