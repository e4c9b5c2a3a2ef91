package woocommerce

import (
	"strings"

	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// sets are the lines that stand for a set, under whatever their parts know them by.
type sets map[string]string

// findSets finds the lines that others are a part of. Product Bundles, Composite
// Products, Mix and Match and their like name them by the line's id, by a key of
// the cart or by the product.
func findSets(list payload.Value) sets {
	var s sets
	add := func(by, id, name string) {
		if id == "" || name == "" {
			return
		}
		if s == nil {
			s = sets{}
		}
		if _, taken := s[by+id]; !taken {
			s[by+id] = name
		}
	}
	parts := false
	for _, v := range list.Items() {
		parts = parts || setOf(v) != ""
	}
	if !parts {
		return nil
	}
	for _, v := range list.Items() {
		name := plainText(v.Get("name"), shop.MaxItem)
		add("id ", v.Get("id").Trimmed(), name)
		add("product ", v.Get("product_id").Trimmed(), name)
		for _, m := range v.Either("meta_data", "meta").Items() {
			switch key := m.Get("key").Text(); {
			case strings.HasSuffix(key, "_cart_key"), key == "_bundle_key", key == "_mnm_config_key", key == "_container_key":
				add("key ", m.Get("value").Trimmed(), name)
			}
		}
	}
	return s
}

// setOf returns by what a line names the set that it is a part of, or "".
func setOf(v payload.Value) string {
	if id := v.First("bundled_by", "composite_parent", "mnm_child_of", "container_id", "parent_item_id", "bundle_parent_id"); id != "" && id != "0" {
		return "id " + id
	}
	for _, m := range v.Either("meta_data", "meta").Items() {
		w := m.Get("value").Trimmed()
		if w == "" || w == "0" {
			continue
		}
		switch m.Get("key").Text() {
		case "_bundled_by", "bundled_by", "_composite_parent", "_mnm_container", "_mnm_child_of", "_wc_pb_bundled_by",
			"_yith_bundled_by", "_wc_mnm_child_of", "_container_item", "_wcpb_bundled_by":
			if len(w) <= 20 && payload.Digits(w, 0) == len(w) {
				return "id " + w
			}
			return "key " + w
		case "_woosb_parent_id", "woosb_parent_id", "_chained_product_of", "_asnp_wepb_parent_id", "_wooco_parent_id", "_wcbp_parent_id":
			return "product " + w
		case "_bundle_name", "_bundle_title", "bundle_name", "bundle_title":
			return "name " + w
		}
	}
	if w := v.First("bundle_name", "bundle_title"); w != "" {
		return "name " + w
	}
	return ""
}

// of returns the name of the set that a line is a part of.
func (s sets) of(v payload.Value) string {
	if len(s) == 0 {
		return ""
	}
	by := setOf(v)
	if name, ok := strings.CutPrefix(by, "name "); ok {
		return shop.Clean(plainLines(name), shop.MaxItem)
	}
	if name := s[by]; name != "" || by == "" {
		return name
	}
	if id, ok := strings.CutPrefix(by, "id "); ok {
		return s["key "+id]
	}
	return ""
}
