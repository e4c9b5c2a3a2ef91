package bounce

import (
	"regexp"
	"slices"
	"strings"
)

// What servers write instead of a delivery report: an address and, beside or below it, why.
// There are as many forms as there were programs, but few ideas: the address begins a line
// (qmail, Exim, OpenSMTPD, Exchange, Postfix of old), follows a word for "to" or "recipient"
// (DragonFly, IMail, KDDI), or stands in the dialogue with the server (sendmail, InterScan).

// certain is a subject that only mail servers write.
var subjects = regexp.MustCompile(`(?i)(` +
	`undeliver|undelivered|not delivered|non-?delivery|delivery (has )?(failed|failure|status|report|delayed|problem|error|notification)|` +
	`delivery .{0,30}(failed|delayed|failure)|failed (delivery|mail)|failure (notice|delivery)|mail (could not be|delivery|system error|error|failure)|` +
	`(could|can) ?not be delivered|couldn.t be delivered|returned (mail|message|to sender)|returning (to|message)|return(ed)? to sender|` +
	`failure notice|message delivery|error sending your mail|unzustellbar|nicht zugestellt|zustellung|rückläufer|` +
	`non remis|échec|non distribu|devuelto|no entregad|no se (ha )?(pudo|podido) entregar|fallo en la entrega|error de entrega|consegna|mancato recapito|recapito|` +
	`não entregue|falha na entrega|devolvid|niet (af|be)zorg|niet bezorgd|onbestelbaar|не доставлен|недоставлен|не может быть доставлен|ne pouvez|niedostarcz|` +
	`nedoruč|kézbesít|配信(エラー|不能|でき)|届けられ|未送达|退信|無法傳遞|无法投递|未傳遞|系统退信|message not delivered|warning: (message|could not send)|` +
	`you .{1,200} are not member|undeliv)`)

// saying is a sentence that only reports say.
var saying = regexp.MustCompile(`(?i)(` +
	`(could not|cannot|can ?not|couldn.t|was not|wasn.t able to|were unable to|unable to|not able to|failed to|has not( yet)? been|did not|has been|had trouble|error) ?(to )?(be )?(deliver|reach|deliver your|attempting to deliver|while attempting|been delivered|delivering|transmitted)|` +
	`deliver[ey]*y? to the following|following (address|recipient|user)|(address|recipient|addresses)(\(s\)|\(es\))? (failed|affected|had|was|were|reject)|` +
	`delivery (has )?(failed|failure|error|status)|failed recipients?\b|non-?delivery report|undeliverable|unable to deliver|failed permanently|not delivered|did not reach|permanent (fatal )?error|` +
	`transcript of session|failure reason|failed address|unknown (user|recipient|host)|user unknown|no such user|invalid final delivery|mailbox is full|no valid recipients|` +
	`are not a member|user (is )?not known|delivery problems|not a valid (user|address|recipient|mailbox)|returned because|not been delivered|(message|mail|e-?mail) was (automatically )?(rejected|refused|returned)|advisory-only|(has been|was) postponed|no longer valid|said: ?[45]\d\d|generating server|remote host said|returned (a )?permanent error|` +
	`не может быть доставлено|nicht zugestellt|n'a pas pu être|no se (ha )?(pudo|podido)|non è stato possibile|não (foi possível|pôde)|配信できません|配送できません|送信できません|届けられません|届けることができません|無法(傳送|投遞|傳遞|遞送)|无法(投递|发送|送达)|kunne ikke|kunde inte|nie można|nelze|` +
	`the group you tried to contact|nebo nemáte oprávnění)`)

// titled is a line that parts such a report's text.
var titled = regexp.MustCompile(`(?im)^[ \t]*[-*=|]{2,}[ \t]*(failed (recipient|address)(e?s)?( follows?)?|non-?delivery report|(delivery )?failure report)\b`)

var refusal = regexp.MustCompile(`(?m)(^|[^\d.])[45]\d\d[ -]([45]\.\d{1,3}\.\d{1,3} )?[^\s\d]`)

var answer = regexp.MustCompile(`(?i)^\s*(re|aw|fwd?|sv|antw|rif|ref|回复|答复)\s*(\[\d+\])?\s*[:：]`)

// listOf is the list that a mail was not taken for.
var listOf = regexp.MustCompile(`(?i)not a member of (?:this|the) (?:mailing )?list:? <?([^\s<>@]{1,80}@[^\s<>]{1,200})>`)

// bounceLike weighs whether a mail without a report's parts is from a mail server about a
// mail. A person's words about a bounce, a newsletter, an order are none.
func bounceLike(m *mail) bool {
	// A list's program that hands on a bounce puts its own fields around it.
	handed := mailer(m.header) && (m.header.get("x-beenthere") != "" || m.header.get("errors-to") != "")
	if m.header.get("list-unsubscribe") != "" && !handed || answer.MatchString(m.header.get("subject")) && !daemon(m.header) {
		return false // a newsletter, or a person who answers
	}
	points := 0
	if daemon(m.header) {
		points += 2
	}
	rp := m.header.all("return-path")
	nobody := len(rp) > 0 && strings.Trim(rp[0], "<> ") == ""
	if nobody {
		points++
	}
	if m.header.get("x-failed-recipients") != "" {
		points += 3
	}
	if m.kind == "multipart/report" {
		points += 3
	}
	if m.encloses && mailer(m.header) && len(m.returned) == 0 { // an empty mail, or one in pieces
		points += 2
	}
	if subjects.MatchString(clip(decodeWords(m.header.get("subject")), 500)) {
		points += 2
	}
	if strings.Contains(decodeWords(m.header.get("subject")), "are not member") { // a list's program
		points += 2
	}
	said := saying.MatchString(m.human)
	if said {
		points += 2
	}
	if refusal.MatchString(m.human) {
		points++
	}
	if titled.MatchString(m.human) {
		points += 2
	}
	if len(m.returned) > 0 {
		points++
	}
	if m.header.get("list-id") != "" && !daemon(m.header) {
		points -= 3
	}
	if points >= 5 || points >= 4 && said && (daemon(m.header) || nobody) {
		return true
	}
	return points >= 4 && mailer(m.header) && len(readLines(m)) > 0
}

// readText reads a bounce that is written for people only.
func readText(m *mail) (out []Recipient) {
	if !bounceLike(m) {
		return nil
	}
	kind := Bounced
	if waiting.MatchString(m.human) || waiting.MatchString(decodeWords(m.header.get("subject"))) {
		kind = Delayed
	}
	out = readLines(m)
	if x := listOf.FindStringSubmatch(m.human); x != nil {
		out = []Recipient{{Address: x[1], Diagnostic: x[0]}}
	}
	if len(out) == 0 {
		for _, a := range addresses(m.header.get("x-failed-recipients")) {
			out = add(out, Recipient{Address: a, Diagnostic: m.human})
		}
	}
	if len(out) == 0 || !whole(out[0].Address) { // a bounce of a bounce
		if i := embedded.FindStringIndex(m.rest); i != nil {
			inner := *m
			inner.statuses, inner.human = []string{m.rest[i[0]:]}, ""
			if out = readDSN(&inner); len(out) > 0 {
				return out
			}
		}
	}
	if len(out) == 0 { // it is about the mail that it returns
		for _, v := range []string{m.returned.get("x-envelope-to"), m.returned.get("to"), received(m.returned)} {
			if a := first(addresses(v)); a != "" {
				out = append(out, Recipient{Address: a, Diagnostic: m.human})
				break
			}
		}
	}
	if len(out) == 0 {
		if a := m.only(); a != "" {
			out = append(out, Recipient{Address: a, Diagnostic: m.human})
		}
	}
	if len(out) == 0 {
		a := first(addresses(m.header.get("reply-to")))
		out = append(out, Recipient{Address: a, Diagnostic: m.human})
	}
	for i := range out {
		p := &out[i]
		p.Kind = kind
		p.Status, p.Code = codes(p.Diagnostic)
		if len(out) == 1 && (p.Status == "" && p.Code == 0) {
			p.Status, p.Code = codes(m.human)
		}
		near := p.Diagnostic
		if len(out) == 1 {
			near = m.human + "\n" + decodeWords(m.header.get("subject"))
		}
		*p = judge(*p, near)
	}
	return out
}

// only is the address that a text tells of, where neither its place nor a phrase says so: the
// first that is neither ours nor of the server that writes.
func (m *mail) only() string {
	writers := addresses(m.header.get("from") + " " + m.header.get("sender") + " " + m.header.get("reply-to"))
	for _, l := range strings.Split(m.human, "\n") {
		if contact.MatchString(l) {
			continue
		}
		for _, a := range addresses(clip(l, 2000)) {
			a = strings.TrimRight(a, ".-")
			same := func(b string) bool { return strings.EqualFold(a, b) }
			if whole(a) && !slices.ContainsFunc(m.to(), same) && !slices.ContainsFunc(writers, same) {
				return a
			}
		}
	}
	return ""
}

// contact is a line whose address is for questions.
var contact = regexp.MustCompile(`(?i)(contact|support|postmaster|please (send|write|forward)|call |administrator|help|\bfrom\b|\bsender\b|message-?id|https?://|mailer-daemon)`)

// waiting is said while somebody still tries.
var waiting = regexp.MustCompile(`(?i)(warning message only|warning: (message .{1,80} delayed|could not send)|do not need to resend|will be retried|has been (delayed|postponed)|advisory-only|continue to try to deliver|delivery attempts will continue|not yet been delivered|will continue to (try|be)|still (being )?(retried|trying)|status notification \(delay\)|delayed \d+ hours|wird weiterhin versucht|will keep trying)`)

var (
	// starts is a line that an address begins, alone or with why behind it.
	starts = regexp.MustCompile(`(?i)^[\s>*+"'(-]*<?("[^"\s<>]{1,64}"@[^\s<>:,;"()]{1,200}|[^\s<>:,;"()\[\]|]{1,80}@[\pL\pN._-]{1,200})["'>]*(<mailto:[^>\s]{1,300}>)?\s*(:|\.\.\.|,? on |\[|\(|$|-|\s+invalid address|<|\s{2,}|→|;)`)
	// names is a phrase that an address follows.
	names = regexp.MustCompile(`(?i)(?:rcpt to: ?|recipients?(?: address)?: ?|delivering (?:your|the) (?:mail|message) to|delivered to:?|deliver (?:your |the )?(?:mail |message )?to:?|undeliverable to|unknown user:?|intended recipient: ?|intended for:? ?|addressed to:?|originally (?:sent|addressed) to|(?:mail|message) (?:that you sent )?to:?|(?:generated|expanded) from:? |delivery failed \d+ attempts: ?|local mailbox|smtp[:=] ?|mailbox:? (?:of|for)?|is full: ?|reached our local address|original address: ?|invalid final delivery userid:|user not found:|delivery failed:|failed recipient:|permanent errors:|temporary errors:|undeliverable address:|gateway for|address: ?|user [^\s<@]{1,80} |[45]\d\d(?: [45]\.\d{1,3}\.\d{1,3})?|\.\.\.|this address:?|adresse:?|destinatario:?|an:|mailing list|` + "`" + `) ?[<("']?((?:"[^"\s<>]{1,64}"|[\pL\pN!#$%&'*+/=?^_{|}~.-]{1,80})@[\pL\pN._-]{1,200})`)
	// alias is the address that a mail was sent to, before the server put another in its place.
	alias = regexp.MustCompile(`(?i)\((?:ultimately )?(generated|expanded|forwarded) from:? |\boriginally (sent|addressed) to `)
	// ours is a line whose address is not who did not get the mail.
	ours = regexp.MustCompile(`(?i)(mail from:|^\s*(from|sender|cc|to|reply-to|subject|original sender|message-id|date|sent)\s*:|contact|support|postmaster for|please (send|write|include|forward)|e-?mail me|call |administrator|help|hello |dear |sehr geehrte|envelope-from|\bfrom <|\bfrom [a-z0-9._-]+@|@[^\s]*/|mailto:)`)
)

// readLines finds who did not get a mail, and what is said there.
func readLines(m *mail) (out []Recipient) {
	lines := strings.Split(ofSender.ReplaceAllString(m.human, " "), "\n")
	if len(lines) > 5000 {
		lines = lines[:5000]
	}
	find := func(of func(string) string) {
		current := -1
		for _, l := range lines {
			l = clip(l, 2000)
			a := ""
			if !ours.MatchString(l) || strings.Contains(l, "<mailto:") || strings.Contains(strings.ToUpper(l), "RCPT TO:") || alias.MatchString(l) {
				a = strings.TrimRight(of(l), ".,;:'\"")
			}
			if a != "" && strings.Contains(a, "@") {
				before := len(out)
				out = add(out, Recipient{Address: a})
				current = indexOf(out, a)
				if len(out) == before && current < 0 {
					return
				}
			}
			if current >= 0 && len(out[current].Diagnostic) < 4*maxDiagnostic {
				out[current].Diagnostic += l + "\n"
			}
		}
	}
	find(func(l string) string {
		if x := starts.FindStringSubmatch(l); x != nil {
			return x[1]
		}
		return ""
	})
	if len(out) == 0 {
		find(func(l string) string {
			if x := names.FindStringSubmatch(l); x != nil {
				return x[1]
			}
			return ""
		})
	}
	return out
}

// ofSender is a mail's sender before the words that tell of it.
var ofSender = regexp.MustCompile(`(?i)<[^<>\s]{3,320}>\s{1,20}could not be delivered to (one or more|all|any|some) of`)

func indexOf(out []Recipient, a string) int {
	for i := range out {
		if strings.EqualFold(out[i].Address, a) {
			return i
		}
	}
	return -1
}

var receivedFor = regexp.MustCompile(`\bfor <?([^\s<>;]{3,300}@[^\s<>;]{3,255})>?;`)

// received is whom a returned mail was for, by its way.
func received(h header) string {
	for _, v := range h.all("received") {
		if x := receivedFor.FindStringSubmatch(v); x != nil {
			return x[1]
		}
	}
	return ""
}
