package table

// vendure reads Vendure 3. The update that places an order sets orderPlacedAt and ends its being a cart; nothing that
// comes later does, nor does what comes earlier in the same transaction. No query here casts what a buyer wrote: a
// text that JSON allows and Postgres does not (\u0000) would stop the source.
func vendure() Preset {
	const names = `(select jsonb_object_agg(t."languageCode", t.name) from `
	return Preset{
		Watch: []Watch{{Table: "public.order", Key: "id", When: map[string]string{"orderPlacedAt": "set", "active": "= false", "type": "= Regular|Aggregate"}}},
		Order: Order{
			Row: `select o.*, c.code as channel, c."defaultLanguageCode" as "channelLanguage", to_jsonb(b) as customer, ` + vendurePlaced + ` as "placedAt"
from "order" o
left join lateral (select id, "firstName", "lastName", "emailAddress", "phoneNumber" from customer where id = o."customerId") b on true
left join lateral (select c.code, c."defaultLanguageCode" from order_channels_channel x join channel c on c.id = x."channelId"
  where x."orderId" = o.id order by c.code = '__default_channel__', c.id limit 1) c on true
where o.id = $1 and o."orderPlacedAt" is not null and o.type <> 'Seller'`,
			Lists: map[string]string{
				"lines": `select l.id, l.quantity, l."orderPlacedQuantity", l."listPrice", l."listPriceIncludesTax", l.adjustments, l."taxLines",
  l."productVariantId", v."productId", v.sku, ` + names + `product_variant_translation t where t."baseId" = v.id) as names
from order_line l left join product_variant v on v.id = l."productVariantId" where l."orderId" = $1 order by l.id`,
				"shippingLines": `select l.id, l."listPrice", l."listPriceIncludesTax", l.adjustments, l."taxLines",
  ` + names + `shipping_method_translation t where t."baseId" = l."shippingMethodId") as names
from shipping_line l where l."orderId" = $1 order by l.id`,
				"surcharges": `select id, description, sku, "listPrice", "listPriceIncludesTax", "taxLines" from surcharge where "orderId" = $1 order by id`,
				"payments": `select p.id, p.method, p.amount, p.state, ` + names + `payment_method m
  join payment_method_translation t on t."baseId" = m.id where m.code = p.method) as names
from payment p where p."orderId" = $1 order by p.id`,
				"languages": `select distinct t."languageCode" as code from "order" o
join region r on position('"countryCode":"' || r.code || '"' in o."shippingAddress") > 0
join region_translation t on t."baseId" = r.id and position('"country":"' || t.name || '"' in o."shippingAddress") > 0
where o.id = $1`,
			},
			JSON: []string{"shippingAddress", "billingAddress", "adjustments", "taxLines"},
		},
		// orderPlacedAt is the local time of the shop's server, so it only narrows the search.
		Scan: `select o.id from "order" o where o."orderPlacedAt" >= ($1::timestamptz at time zone 'UTC') - interval '15 hours'
and not o.active and o.type <> 'Seller' and ` + vendurePlaced + ` >= $1::timestamptz order by o.id`,
	}
}

// vendurePlaced is when an order was placed, by the database's clock, which writes times without a zone and is taken
// to be in UTC. A shop with a process of its own may have no such entry.
const vendurePlaced = `(coalesce((select min(h."createdAt") from history_entry h where h."orderId" = o.id
  and h.type = 'ORDER_STATE_TRANSITION' and h.data like '{"from":"ArrangingPayment","to":"Payment%'), o."orderPlacedAt") at time zone 'UTC')`
