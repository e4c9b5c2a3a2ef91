package shop

import "github.com/waxwinghq/waxwing"

// Formats are those that this program reads, in the order in which they are named: a new
// one is one file and one line here.
func Formats() []waxwing.Format {
	return []waxwing.Format{
		Shopify,
		WooCommerce,
		Generic,
	}
}
