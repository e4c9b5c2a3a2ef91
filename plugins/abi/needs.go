package abi

import "slices"

// NeedSet is a set of what a plugin may see of an order. What is not in it is
// not in its input: personal data stay away from plugins that do without.
type NeedSet uint64

const (
	needOrderNumber NeedSet = 1 << iota
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
	NeedCandidates // what may be recommended beside the order
	needCandidateNames
	needCandidatePrices
	NeedBaskets // what others bought with it
	NeedLane    // how long its carrier takes on its way
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
	bits NeedSet
}{
	{"order.number", needOrderNumber}, {"order.placed_at", needOrderPlaced}, {"order.total", needOrderTotal},
	{"order.note", needOrderNote}, {"order.payment", needOrderPayment},
	{"items", needItems}, {"items.name", needItems | needItemNames}, {"items.price", needItems | needItemPrices},
	{"customer.id", needCustomerID}, {"customer.first_name", needFirstName}, {"customer.last_name", needLastName},
	{"customer.email", needEmail}, {"customer.phone", needPhone}, {"customer.group", needGroup},
	{"customer.orders", needOrders}, {"customer.points", needPoints},
	{"shipping.country", needCountry}, {"shipping.region", needRegion}, {"shipping.city", needCity},
	{"shipping.postal_code", needPostalCode}, {"delivery", needDelivery},
	{"candidates", NeedCandidates}, {"candidates.name", NeedCandidates | needCandidateNames},
	{"candidates.price", NeedCandidates | needCandidatePrices}, {"baskets", NeedBaskets}, {"lane", NeedLane}, {"format", needFormat},
}

// Add adds a need by its name in a manifest; false: there is none of that name.
func (n *NeedSet) Add(name string) bool {
	i := slices.IndexFunc(needTable, func(e struct {
		name string
		bits NeedSet
	}) bool {
		return e.name == name
	})
	if i < 0 {
		return false
	}
	*n |= needTable[i].bits
	return true
}

// Has reports whether any of m is among the needs.
func (n NeedSet) Has(m NeedSet) bool { return n&m != 0 }

func needNames() []string {
	out := make([]string, len(needTable))
	for i := range needTable {
		out[i] = needTable[i].name
	}
	return out
}
