// Package templates turns an order into its confirmation: subject, HTML, plain
// text and SMS, in a locale and with a merchant's brand.
//
// A template is Mustache (sections, inverted sections, partials, comments and
// set delimiters as the specification has them; no lambdas). It is compiled at
// load: names are resolved to fields of the view, CSS is inlined, and each
// value is checked against the HTML around it. Rendering then only appends.
//
// A set is a folder of files; a tenant's files replace the built-in ones by name:
//
//	order.html.mustache    the HTML mail
//	order.txt.mustache     the plain-text mail
//	NAME.mustache          a partial, {{> NAME}}; partials come from the set only
//
// {{t.NAME}} is the message NAME of the locale's catalogue. {{> json-ld}} is the
// schema.org Order, written by an encoder. In style blocks, style attributes and
// bgcolor, where values may not stand, the words brand-color, brand-on-color,
// brand-ink, brand-glow, brand-tint and locale-font stand for the brand's palette
// and the language's fonts; text-align:start, align="start" and
// padding-inline-start become left or right by the language's direction.
package templates
