package table

import (
	"time"

	"github.com/waxwinghq/waxwing/config"
)

// medusa reads Medusa 2. The order's row comes before the payment, so it is the payment's session that completes an
// order: by the values that it has, not by those it had, so that the table needs no other replica identity; what is
// written to it later tells of the order again, which the ledger absorbs. Of an order over nothing no payment is asked for,
// though a session may have been begun: its link to the cart completes it. A step after the payment that fails deletes the order, which is why it is looked at later.
func medusa() Preset {
	return Preset{
		Watch: []Watch{
			{Table: "public.payment_session", Key: "payment_collection_id", When: map[string]string{"status": "= authorized|captured|pending_authorization"},
				Find: `select order_id from order_payment_collection where payment_collection_id = $1 and deleted_at is null`},
			{Table: "public.order_cart", Key: "order_id",
				Find: `select s.order_id from order_summary s where s.order_id = $1 and s.deleted_at is null and (s.totals ->> 'current_order_total')::numeric = 0`},
		},
		Settle: config.Duration(10 * time.Second),
		Order: Order{
			Row: `select o.*, s.totals, to_jsonb(a) as shipping_address, to_jsonb(b) as billing_address
from "order" o
left join order_summary s on s.order_id = o.id and s.version = o.version and s.deleted_at is null
left join order_address a on a.id = o.shipping_address_id
left join order_address b on b.id = o.billing_address_id
where o.id = $1 and ` + medusaDone,
			Lists: map[string]string{
				"items": `select i.item_id as id, coalesce(i.raw_quantity ->> 'value', i.quantity::text) as quantity,
  coalesce(i.raw_unit_price ->> 'value', i.unit_price::text, l.raw_unit_price ->> 'value', l.unit_price::text) as unit_price,
  l.title, l.variant_title, l.variant_sku, l.product_id, l.variant_id, l.thumbnail, l.requires_shipping, l.is_giftcard, l.is_tax_inclusive,
  (select jsonb_agg(jsonb_build_object('code', t.code, 'description', t.description, 'rate', coalesce(t.raw_rate ->> 'value', t.rate::text)) order by t.id)
     from order_line_item_tax_line t where t.item_id = l.id and t.deleted_at is null) as tax_lines,
  (select jsonb_agg(jsonb_build_object('code', t.code, 'description', t.description, 'is_tax_inclusive', t.is_tax_inclusive,
       'amount', coalesce(t.raw_amount ->> 'value', t.amount::text)) order by t.id)
     from order_line_item_adjustment t where t.item_id = l.id and t.version = o.version and t.deleted_at is null) as adjustments
from "order" o join order_item i on i.order_id = o.id and i.version = o.version and i.deleted_at is null
join order_line_item l on l.id = i.item_id
where o.id = $1 order by i.created_at, i.id`,
				"shipping_methods": `select m.id, m.name, coalesce(m.raw_amount ->> 'value', m.amount::text) as amount, m.is_tax_inclusive,
  (select jsonb_agg(jsonb_build_object('code', t.code, 'description', t.description, 'rate', coalesce(t.raw_rate ->> 'value', t.rate::text)) order by t.id)
     from order_shipping_method_tax_line t where t.shipping_method_id = m.id and t.deleted_at is null) as tax_lines,
  (select jsonb_agg(jsonb_build_object('code', t.code, 'description', t.description, 'amount', coalesce(t.raw_amount ->> 'value', t.amount::text)) order by t.id)
     from order_shipping_method_adjustment t where t.shipping_method_id = m.id and t.version = o.version and t.deleted_at is null) as adjustments
from "order" o join order_shipping x on x.order_id = o.id and x.version = o.version and x.deleted_at is null
  and x.return_id is null and x.claim_id is null and x.exchange_id is null
join order_shipping_method m on m.id = x.shipping_method_id
where o.id = $1 order by x.created_at, m.id`,
				"payments": `select c.status, s.status as session, s.provider_id, c.currency_code, c.amount, c.captured_amount, c.refunded_amount
from order_payment_collection x join payment_collection c on c.id = x.payment_collection_id and c.deleted_at is null
left join payment_session s on s.payment_collection_id = c.id and s.deleted_at is null
where x.order_id = $1 and x.deleted_at is null order by s.created_at`,
			},
		},
		Scan: `select o.id from "order" o where o.created_at >= $1::timestamptz - interval '1 hour' and ` + medusaDone + `
and (o.created_at >= $1 or exists (select from order_payment_collection x join payment_session s on s.payment_collection_id = x.payment_collection_id
  where x.order_id = o.id and s.updated_at >= $1)) order by o.created_at`,
	}
}

// medusaDone is what an order o must be to have been completed, and not undone or cancelled.
const medusaDone = `o.deleted_at is null and o.canceled_at is null and not o.is_draft_order
and exists (select from order_cart x where x.order_id = o.id and x.deleted_at is null)
and (exists (select from order_payment_collection x join payment_session s on s.payment_collection_id = x.payment_collection_id and s.deleted_at is null
    where x.order_id = o.id and x.deleted_at is null and s.status in ('authorized', 'captured', 'pending_authorization'))
  or exists (select from order_summary s where s.order_id = o.id and s.version = o.version and s.deleted_at is null and (s.totals ->> 'current_order_total')::numeric = 0))`
