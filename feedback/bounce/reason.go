package bounce

import (
	"regexp"
	"strings"
)

// Why a mail came back is said three times, each time badly: in words, in an enhanced status
// and in a reply's code. Words that say one thing only come first, since servers choose the
// statuses at random ("550 5.1.1 mailbox full"); then the status; then words that may mean
// several things; then the code.

// rule is words that mean a reason.
type rule struct {
	reason Reason
	words  *regexp.Regexp
}

func words(r Reason, alternatives ...string) rule {
	return rule{r, regexp.MustCompile(`(?:` + strings.Join(alternatives, `|`) + `)`)}
}

// Judge gives the class and reason of a bounce by what a server said of it: an enhanced status and
// a reply's code, where they are known, and its words.
func Judge(status string, code int, words string) (Class, Reason) {
	p := judge(Recipient{Status: status, Code: code, Diagnostic: clip(oneLine(clip(words, maxNear)), maxDiagnostic)}, "")
	return p.Class, p.Reason
}

// judge gives a recipient its class and reason, by what its server said and by what stands
// near it for people.
func judge(p Recipient, near string) Recipient {
	said := normal(p.Diagnostic)
	around := normal(clip(near, maxNear))
	if p.Code == 0 {
		_, p.Code = codes(p.Diagnostic)
	}
	if p.Status == "" {
		if p.Status, _ = codes(p.Diagnostic); p.Status == "" && p.Diagnostic == "" {
			p.Status, p.Code = codes(near)
		}
	}
	r := byProvider(strings.ToLower(p.Diagnostic))
	if r == "" {
		r = reasonOf(said, around, p.Status, p.Code)
	}
	// Unknown users that are told of after the data, or before a recipient was named: the
	// one is a filter's answer, the other means the sender. (Yahoo tells of them after the data only.)
	if r == UserUnknown && !strings.Contains(said, "mailbox not found") && !strings.HasPrefix(p.Status, "5.1.") && !strings.HasPrefix(p.Status, "4.1.") && !strings.HasPrefix(p.Status, "5.5.") {
		switch commandOf(said, around) {
		case "data":
			r = Filtered
		case "mail":
			r = Rejected
		}
	}
	if (r == UserUnknown || r == HostUnknown) && (strings.HasSuffix(p.Status, ".1.7") || strings.HasSuffix(p.Status, ".1.8")) {
		r = Rejected // these two are the sender's address (RFC 3463, 3.2)
	}
	if r == HostUnknown && p.Status == "5.5.4" { // of the protocol: the name in our greeting
		r = NoPTR
	}
	if r == HostUnknown && strings.HasPrefix(p.Status, "4.") { // who asked the DNS does not call it for good
		r = Network
	}
	p.Reason, p.Class = r, ClassOf(r)
	return p
}

func reasonOf(said, around, status string, code int) Reason {
	if r := match(explicit, said); r != "" {
		return r
	}
	r := byStatus(status)
	if r != "" && r != vague {
		return r
	}
	if x := match(explicit, around); x != "" && said == "" {
		return x
	}
	if x := match(likely, said); x != "" {
		return x
	}
	for _, rules := range [][]rule{explicit, likely} {
		if x := match(rules, around); x != "" {
			return x
		}
	}
	if r == vague {
		return Violation
	}
	if x := bySubject(status); x != "" {
		return x
	}
	if strings.HasPrefix(status, "4.") && len(said) > 0 {
		return System
	}
	switch {
	case code == 552:
		return MailboxFull
	case code == 530, code == 535:
		return Security
	case code == 556:
		return NoMail
	case code >= 400 && code < 500:
		return System
	}
	return Unknown
}

func match(rules []rule, s string) Reason {
	if s == "" {
		return ""
	}
	s = strings.ReplaceAll(s, "_", " ") // BAD_RECIPIENT
	for _, r := range rules {
		if r.words.MatchString(s) {
			return r.reason
		}
	}
	return ""
}

var (
	// lists are the block lists that a link may name: all that some servers say.
	lists = regexp.MustCompile(`(?i)(spamhaus|spamcop|barracudacentral|sorbs|dnsbl)`)
	links = regexp.MustCompile(`(?i)https?://\S{1,500}`)
	// prefix is what IronPort and Postfix put before whatever another server said, and what a
	// subject says of the sender, which is no word about why.
	prefix = regexp.MustCompile(`(5\.\d\.\d - (unknown address error|other address status|bad destination host|message)\b|delivery temporarily suspended:|rejected by next-hop mta on relaying|return(ed|ing)( mail| message)? to( the)? sender)`)
	domain = regexp.MustCompile(`<?("[^"\s<>]{1,64}"|[^\s<>:;,()@"]{1,80})@[\pL\pN._-]{1,200}>?`)
)

// normal is a text as rules read it: small letters, one line, without links and addresses,
// whose words mean nothing here.
func normal(s string) string {
	s = links.ReplaceAllStringFunc(clip(s, maxNear), func(l string) string { return " " + lists.FindString(l) + " " })
	s = domain.ReplaceAllString(s, "<address>")
	s = strings.ReplaceAll(strings.ToLower(oneLine(s)), "’", "'")
	if m := continued.FindStringSubmatch(s); m != nil { // "550-the user 550-does not 550 exist"
		s = again.ReplaceAllStringFunc(s, func(l string) string {
			if l[1:4] == m[1] {
				return " "
			}
			return l
		})
	}
	return prefix.ReplaceAllString(s, "")
}

// continued is the first line of a reply that has several (RFC 5321, 4.2.1), put on one line by
// who reports it.
var continued = regexp.MustCompile(`(?:^|[^\d.])([45]\d\d)-`)

// again is the code before each further line of such a reply.
var again = regexp.MustCompile(` [45]\d\d[- ]([45]\.\d{1,3}\.\d{1,3} )?`)

// vague is a status that says no more than "policy".
const vague Reason = "vague"

var statuses = map[string]Reason{
	"1.0": vagueAddress, "1.1": UserUnknown, "1.2": HostUnknown, "1.3": UserUnknown, "1.4": System, "1.6": Moved,
	"1.7": Rejected, "1.8": Rejected, "1.9": System, "1.10": UserUnknown, "1.351": UserUnknown,
	"2.1": Suspended, "2.2": MailboxFull, "2.3": TooLarge, "2.4": System,
	"3.1": SystemFull, "3.2": System, "3.3": System, "3.4": TooLarge, "3.5": System,
	"4.0": Network, "4.1": Network, "4.2": Network, "4.3": Network, "4.4": HostUnknown, "4.5": RateLimited, "4.6": Network, "4.7": Expired,
	"4.312": Network, "4.316": Network,
	"5.1": Syntax, "5.2": Syntax, "5.3": RateLimited, "5.4": Syntax, "5.5": Syntax,
	"6.0": BadContent, "6.1": BadContent, "6.2": BadContent, "6.3": BadContent, "6.5": BadContent, "6.6": BadContent, "6.7": BadContent, "6.9": BadContent,
	"7.3": Violation, "7.4": Security, "7.5": Security, "7.6": Security, "7.7": Security, "7.8": Security, "7.10": Security, "7.11": Security,
	"7.20": AuthFailure, "7.21": AuthFailure, "7.22": AuthFailure, "7.23": AuthFailure, "7.24": AuthFailure, "7.26": AuthFailure, "7.27": NoMail,
	"7.25": NoPTR, "7.28": RateLimited, "7.509": AuthFailure, "7.515": AuthFailure, "7.13": Suspended, "7.14": Security, "7.54": NoRelay,
	"7.606": Blocked, "7.650": Blocked, "7.0": vague, "7.1": vague, "7.2": vague, "7.9": vague,
}

// vagueAddress is X.1.0: something with an address, the sender's as often as the recipient's.
const vagueAddress Reason = ""

func byStatus(status string) Reason {
	if len(status) < 5 {
		return ""
	}
	r := statuses[status[2:]]
	switch status {
	case "4.4.4": // not found at the moment
		return Network
	case "5.4.1": // Exchange's for anything that its edge does not take
		return ""
	}
	return r
}

// bySubject is what a permanent status means whose detail says nothing here, by its second
// number (RFC 3463, 3.1): what is left where no word was known.
func bySubject(status string) Reason {
	if len(status) < 5 || status[0] != '5' {
		return ""
	}
	switch status[2:4] {
	case "1.":
		return UserUnknown
	case "2.":
		return Filtered
	case "4.":
		return Network
	case "6.":
		return BadContent
	case "7.":
		return Violation
	}
	return ""
}

var commands = []struct {
	name  string
	words *regexp.Regexp
}{
	{"data", regexp.MustCompile(`(end of data|final data|>>> data|data command|after data|smtp command data|\(data\)|step: data|text command|data send|>>> \.|in response to data|data_end)`)},
	{"mail", regexp.MustCompile(`(mail from command|after mail from|\[mail_from\]|>>> mail from|mail command|our mail from)`)},
}

// commandOf is where in the dialogue a server refused: "data", "mail", or "" for the rest.
func commandOf(said, around string) string {
	for _, s := range []string{said, around} {
		if strings.Contains(s, "rcpt") {
			return ""
		}
		for _, c := range commands {
			if c.words.MatchString(s) {
				return c.name
			}
		}
	}
	return ""
}

// explicit words mean one thing, whatever the status says.
var explicit = []rule{
	words(Network, `name service error.{0,80}try again`, `host not found, try again`, `did not accept our requests to connect`, `socket error`, `host ?name lookup failure`, `dns records for the destination`, `malformed or unexpected name server`, `(recipient|remote|destination|receiving)('s)? (mail )?(server|host|system) (is |was )?(currently |temporarily )?(unavailable|not available|busy|unreachable|not responding|down)`,
		`exceeded \d+ hops`, `too many hops`, `hop count`, `all routes to`, `(mail|routing|message|delivery)( is| server)?[ -]loop`, `mail for .{0,60} loops`),
	// Before "quota" means a mailbox and "unavailable" a user: what a server does with who sends too much.
	words(RateLimited, `throttling`, `trop de connexions`, `daily .{0,20}(quota|limit)`, `(sending|submission|receive|message) (quota|limit) (is )?(exceeded|reached)`, `(receiv|send)ing (mail|messages|e-?mail)s? (at a rate|too (quickly|fast|often))`,
		`frequency limit`, `(has|have|recipient|tenant).{0,20} exceeded (their|its|permitted|the) ?(message )?(limits?|threshold)( for| within|\b)`, `thread limit`, `max(imum)? (number of )?messages? per (session|connection)`, `account service is temporarily unavailable`),
	words(Blocked, `黑名单`, `黑名單`, `블랙리스트`),
	words(TooLarge, `line limit exceeded`),
	words(Spam, `垃圾邮件`, `垃圾郵件`, `스팸`, `迷惑メール`, `(appears?|looks?|seems?)( to be)?( like)? (spam|unsolicited|junk)`, `(flagged|identified|classified|detected|marked|considered|judged|recogni[sz]ed|tagged|filtered)( to be| as)?( \S{1,12})? (spam|junk|unsolicited)`, `(suspected|high-probability|probable|likely) spam`, `spam (or virus )?content`, `spam.{0,20}(is|was) (rejected|detected|refused|blocked|found)`, `message (is|was|contains|looks) spam`, `mail content denied`, `content filter agent quarantined`),
	words(Violation, `accept.{0,20} over ipv6`),
	words(UserUnknown, `5\.1\.[01] .{0,40}recipient rejected`),
	words(Security, `authentication (is )?required`),
	words(NoRelay, `rcpthosts?\b`),
	words(Violation, `policy violation`),
	words(Rejected, `backscatter`, `not accept (any )?(mail|e-?mail|messages)s? from`, `unsigned dsn`),
	words(Violation, `closed mailing list`, `organizational settings`),
	words(Virus, `executable attachment`),
	words(Filtered, `not accepting any (mail|messages)`, `account is protected by`, `bounced address`, `(declined|refused) by (the )?(recipient|user|addressee)\b`, `not accepting (mail|messages|e-?mail)s? (with|from)`, `message filtered`, `rule imposed mailbox access`),
	words(System, `mta failure on relaying`, `relay message back to mta`, `(login|connect|bind) .{0,12}\bldap`, `service refus\S* ?.{0,60}(try (again )?later|essayer plus tard)`),
	words(Blocked, `(ip|ip address|host|server|client|network)s?( \S{1,45})?( is| was| has been)?( in our| on our| in a)? (black|block)-? ?list`, `spamhaus`, `spamcop`, `\bsorbs\b`, `barracudacentral`, `\bdnsbl\b`, `\brbl\b`, `listed (in|at|on|by) .{0,40}(black|block|dnsbl|rbl|bl\.)`),
	words(Greylisted, `gr[ea]y-?list`, `gr[ea]y list`),
	words(NotCompliant, `8-?bit data`, `improperly[- ]formatted`, `duplicate header`, `multiple .{0,30}(from|subject|to|date)\W{0,3} ?(header|address)`, `(not|non|isn't).{0,30}\brfc ?-?\d{3,4}`, `header .{0,20}(missing|is not unique)`, `missing .{0,30}header`),
	words(AuthFailure, `\b(dmarc|dkim|spf)\b.{0,60}(fail|pass|polic|invalid|reject|align|violat|unauth|required|record|check|set ?up|softfail|perm|not )`,
		`(fail|pass|reject|violat|invalid|require|due to|not |based on)[^.;]{0,60}\b(dmarc|dkim|spf)\b`,
		`unauthenticated (e-?mail|mail|message)`, `sender policy framework`, `domain owner has requested`, `sender.{0,20}(un)?authenticat`,
		`not authorized to send (mail )?(on behalf|from|for)`, `domain'?s (dmarc|spf|dkim)`, `message (is )?not authenticated`, `is not authenticated`, `failed authentication checks?`),
	words(Rejected, `google groups`, `valid from\b`, `\bfrom:? (header|address|domain).{0,30}(invalid|not valid|reject)`, `(domain of )?(the )?sender('s)? ?(e-?mail )?(address|domain)?( \S{1,80}|<address>)? ?(does not exist|does not resolve|domain must|not exist|(is )?unknown|(was |is |has been )?(reject|denied|refus|block)|(is )?invalid|(was |is )?not (found|allowed|accept|valid)|verif)`, `(reject|refus|block|den)[a-z]{1,6} (the |this |your )?sender\b`, `sender .{0,40}(verification|verify|callout)`),
	words(NoPTR, `reverse dns`, `\brdns\b`, `\bptr\b`, `reverse (lookup|hostname|name|mapping|record|entry|resolution|address)`, `resolve your (host|ip)`, `fcrdns`, `dns reverse`,
		`cannot (find|resolve) your`, `unverifyable sending ip`, `unverifiable sending ip`, `hostname lookup (failed|fail)`, `no dns entry for your`, `hostname of your`, `does not have a (valid )?hostname`,
		`fix reverse`, `invalid (helo|ehlo|host) name`, `helo.{0,40}(reject|invalid|resolve|not)`),
	words(Virus, `virus`, `malware`, `trojan`, `infected`, `worm detected`, `phishing`),
	words(Moved, `has moved`, `mailbox (has )?(been )?moved`, `(is )?no longer (at|with|valid at|used by)\b`, `address (has )?(been )?changed`, `has changed (his|her|their|its|e-?mail)`, `new e-?mail address`, `please use (his|her|their|the new)`,
		`user has moved`, `is now at`, `forwarding address`, `has been replaced by`),
	words(NoMail, `indicated no smtp service`, `rejects? all (mail|messages)`, `null ?mx`, `nullmx`, `null mx`, `does(n't| not) (accept|receive) (any )?(e-?)?mail`, `domain.{0,30}not accept.{0,10}mail`, `no mx record`, `couldn't find (a|any) mail exchanger`, `no (valid )?mail exchanger`, `no mail (hosts?|server)s? (for|found)`,
		`system not accepting (network )?messages`, `does not have an mx`, `(can't|cannot|could not|unable to) find.{0,20}\bmx\b`, `no mx (found|for|host)`, `mx records? (is |are )?(not found|empty|missing)`, `host does not receive`, `smtp service not available for this domain`, `no smtp service here`),
	words(MailboxFull, `(mail ?box|mail ?folder|inbox|in-box|account|mailfolder|maildrop|mail file|mail store|box|message store|postfach|user's disk) (is |has |seems |currently |temporarily |already |been )*(full|over|exceed|too full|voll)`,
		`(mail ?box|storage|disk|over|user|mail|exceeded|exceeding|exceeds|above|space) ?-?(the |its |his |their )?(disk |storage |mailbox |size |user |allowed |allotted )*quota`, `quota (exceed|is full|full|reached|viol|limit|has been|over)`, `over ?quota`, `out of (disk )?(quota|storage|space)`,
		`(exceed|over|beyond|reached|above|past).{0,40}(quota|storage|mailbox (size )?limit|allocat|allowed space|mail ?box size|disk space limit)`, `full mail ?box`, `mailbox.{0,30}exceed`, `(not enough|insufficient|no) (mailbox |user |storage |disk )*(space|storage|room|quota)[^.]{0,40}(mail ?box|user|recipient|account|address)`,
		`mailbox size limit`, `(message )?would exceed .{0,30}(quota|mailbox|limit|space)`, `storage.{0,20}full`, `user is over`, `too many (messages|mails) (in|on) (the |this )?(mail ?box|folder|spool|server)`, `exceeded storage allocation`, `account is full`, `account storage limit`, `(does not|doesn't) have enough (space|room|storage)`, `not enough (storage )?(space|room) in`, `mail file size exceeds`, `too much mail data`, `space has been used up`, `exceeding receiving limits`, `zu ?viele (e-?)?mails auf`, `\bis full\b`,
		`maildir (delivery failed: )?.{0,30}over`, `postfach.{0,30}(voll|überfüllt)`, `bo[iî]te.{0,60}pleine`, `buz[oó]n.{0,40}(lleno|llena)`, `casella.{0,40}piena`, `caixa.{0,40}cheia`, `ящик.{0,40}(переполнен|полон)`, `exhausted .{0,20}(storage|quota|space)`, `(postbus|mailbox) (is )?vol\b`, `용량 ?초과`, `(邮箱|信箱|郵箱|空间|容量)\S{0,4}(已满|已滿|不足|超)`, `schránka.{0,10}pln`, `skrzynka.{0,10}(pełna|przepełniona)`, `post(kass|låd)\S{0,3} (er |är )?full?d?`, `容量`, `いっぱい`, `邮箱已满`, `user mailbox exceeds`, `insufficient permanent storage`, `mbox ?full`, `disk quota`, `has exceeded (its|his|her|their|the) .{0,20}(limit|quota|size)`, `allocated storage`),
	words(SystemFull, `(insufficient|not enough|no) (system |disk |server |free )*(storage|resources|space)`, `(file ?system|disk|spool|mail system|system|partition|device) (is )?full`, `no space left`, `out of (memory|disk)`),
	words(TooLarge, `max(imum)? (e-?mail |message |mail )?size (is |was )?exceeded`, `taille limite`, `(message|mail|e-?mail|msg|file|attachment|size|content|body).{0,40}(too (large|big)|exceed(s|ed|ing)? .{0,40}(limit|size|max|allow|length|restriction))`, `(exceed|larger than|over|greater than)[a-z]* .{0,40}(message|mail|maximum|max|fixed|size) ?(size|length|limit|max)`,
		`too (large|big) (message|mail|for)`, `message too long`, `message length exceeds`, `size limit`, `maximum (message |allowed )?size`, `message.{0,10}size (restriction|limit)`, `message is larger`, `resolver\.rst\..{0,10}sizelimit`),
	words(Suspended, `suspend`, `(account|mailbox|user|address|recipient|e-?mail|access).{0,30}(disabled|deactivated|inactive|de-activated|\blocked|frozen|blocked for inactivity|expired|not active|dormant|on hold)`, `(disabled|inactive|deactivated|locked|expired) (user|account|mailbox|recipient|due)`, `temporarily (disabled|closed)`, `(user|account|mailbox|recipient|<address>) is not (currently |yet )?(activated|active)`, `not (currently )?(receiving|accepting) (mail|e-?mail|message)`, `mailbox (currently )?(disabled|inactive)`, `abandoned`, `invalid\/inactive user`, `(casilla|cuenta|buzón|usuario).{0,20}(expirad|inactiv|deshabilitad|suspendid|bloquead)`, `konto.{0,20}(zablokowane|nieaktywne)`, `(indirizzo|casella|account).{0,12}(bloccat|disattivat|sospes)`, `(账户|帐户|账号|用户|邮箱)\S{0,6}(禁用|停用|冻结|锁定)`, `(konto|postfach).{0,12}(gesperrt|deaktiviert)`, `(compte|bo[iî]te) (est|a été).{0,20}(désactiv|desactiv|suspendu)`, `boite du destinataire archivee`, `mailbox frozen`, `\boverdue\b`, `(account|mailbox|compte)[^.;:]{0,40}(is ?blocked|est bloqu)`, `banned recipient`, `(has been |is |was )(disabled or )?discontinued`),
	words(HostUnknown, `host ?(name )?(unknown|not found[^,]|not found$|does not exist|lookup failure)`, `unknown host`, `(domain|host)( name)? ?(\S{1,80} )?(does(n't| not) exist|is unknown|unknown|is invalid|isn't in my list|must resolve|not (be )?(found|known|resolv)|lookup fail|is not reachable)`, `domain does ?nt exist`, `all host address lookups failed permanently`, `dns server returned answer with no data`, `no such (host|domain)`, `nxdomain`, `recipient domain must exist`,
		`un?rou?te?able (address|domain|mail domain)`, `name or service not known`, `account or domain may not exist`, `couldn't find any host`, `(could|can)( ?not|n't) (find|locate|resolve).{0,30}(host|domain)`, `invalid (domain|host)( name|$)`, `bad destination (system|host)`, `non-?existent (domain|host)`, `domain name (was )?not found`, `cannot be resolved`, `infodomainnonexistent`, `no route to host found`, `not a valid (domain|host)`, `illegal host\/domain`, `domaine? (inconnu|inexistant)`, `dominio (no existe|inexistente|non)`, `домен не`, `because the domain .{0,80}(couldn't|could not) be found`),
	words(UserUnknown, `(user|recipient|address|mailbox|account|alias|addressee|addr|userid|username|mail ?box|e-?mail|name|login|customer|local ?part|rcpt|destinat[a-z]{1,6}|person|subscriber)s?('s)? ?(address |name |account |mailbox |e-?mail |<address> |is |was |"?<address>"? ?|\S{1,60} )?(is |was |has |does |did |seems |currently |could |can |'?s )*(unknown|not (be )?(found|available|exist|known|listed|registered|recogni[sz]ed|local|here|valid)|n't exist|nonexist|non-exist|does(n't| not) exist|no longer (exist|available|valid|active|in (use|service)|on)|not (have|a valid)|invalid|unavailable|undefined|illegal|not on this|not in)`,
		`(unknown|no such|invalid|nonexistent|non-existent|bad|illegal|undefined|unrecogni[sz]ed|not a valid|not a known|unknown or (illegal|invalid)|no matching|doesn't have this|unknown local|no valid) ?(\S{1,40} )?(user|recipient|address|mailbox|account|alias|mail ?box|addressee|userid|local.?part|local mailbox|e-?mail|login|person|rcpt|destination address|customer|mail drop|subscriber)`,
		`(couldn't|could not|cannot|can't|unable to) (be )?(find|found|locate|route|verify|validate)( a| the| any)? (.{0,15}(user|recipient|mailbox|account)|<address>)`,
		`(address|recipient|user|mailbox).{0,40}(couldn't|could not|cannot|can't) be found`,
		`no (mailbox|account|user|person|one|recipient|such (person|mailbox|user|address|recipient)) (here|by that name|with|exists|named|found|of that|at this)`, `(does(n't| not)|do not|don't) have (a|an|any|this) .{0,60}(account|mailbox|user)`, `(not|isn't|aren't|is no) .{0,10}(our|known|a|an) (customer|user|member of our|active (user|address|account|mailbox))`,
		`recipnotfound`, `addressnotfound`, `adr\.recip(ient)?notfound`, `(user|address|recipient).{0,12}rejected: user`, `undeliverable address`, `recipient(s)? (address )?(invalid|unknown|does not)`, `not listed in`, `name is not recognized`, `this (user|account|address|mailbox|recipient) (does|has|is) (not|been deleted|no longer)`, `(account|user|mailbox) (has been |is |was )?(deleted|removed|closed|terminated|cancel+ed)`,
		`is not a (known|valid) (user|recipient|mailbox|address)`, `unrouteable mail`, `delivery error: (dd )?(this|sorry)`, `dd this user`, `5\.1\.1 .{0,20}(mailbox|address) unavailable`, `requested action not taken: mailbox unavailable`, `mailbox unavailable( or|, no| \[)`, `invalid final delivery`,
		`no valid recipients`, `no mail ?box available`, `(mailbox|recipient) is not allowed`, `(wrong|incorrect) or no longer valid`, `inactive e-?mail address`, `not have a final e-?mail`, `not found recipient`, `ディレクトリ.{0,12}(見つかりません|ありません)`, `non répertorié`, `nicht im .{0,20}verzeichnis`, `no (aparece|figura) en el directorio`, `no longer on (this )?server`, `utilisateur inconnu`, `destinataire (inconnu|inexist)`, `adresse (inconnue|inexistante|d'au moins|est incorrecte)`, `benutzer.{0,20}unbekannt`, `empfänger.{0,40}(unbekannt|nicht gefunden|existiert nicht)`, `existiert nicht`, `usuario.{0,20}(desconocido|no existe|inexistente)`, `(no existe|não existe|non esiste|ine[xs]istente)`, `nie istnieje`, `nie ma takiego`, `findes ikke`, `finns inte`, `finnes ikke`, `gebruiker (is )?onbekend`, `onbekende (gebruiker|ontvanger)`, `bestaat niet`, `neexistuje`, `nem létezik`, `bulunamadı`, `kullanıcı yok`, `(destin\S{0,12}|utente) (s?conosciuto|sconosciuto|errato)`, `adressat unbekannt`, `없는 (사용자|계정|수신자)`, `존재하지 않`, `(用户|收件人|帐户|账户|账号|邮箱|地址|使用者|信箱)\S{0,6}(不存在|无效|未找到)`, `不存在的(用户|收件人|邮箱|帐户|账户)`, `查無此`,
		`doesn't handle mail for that user`, `no longer accepts? (mail|e-?mail|messages)`, `not found in (ldap|the directory|directory)`, `recipient (is )?not allowed`, `utente (sconosciuto|non)`, `usuário (desconhecido|inexistente)`, `пользовател.{0,20}(не (найден|существует)|неизвест)`, `(не существует|нет такого)`, `ユーザ.{0,20}(存在|見つか)`, `宛先.{0,20}(見つか|不明|存在)`, `アドレスが.{0,12}(見つか|存在)`, `用户不存在`, `无此用户`, `rcpt \(<address>\) (does not|dosn't|doesn't) exist`, `^542 `, `not our customer`, `not a registered`, `#5\.1\.0 address rejected`, `5\.4\.1 .{0,30}recipient address rejected: access denied`, `unable to deliver message to .{0,30}\(and other recipients`, `recipient .{0,10}not found`, `mail receiving disabled`),
	words(RateLimited, `too many (connection|message|recipient|mail|e-?mail|session|error|concurrent|simultaneous|hits|smtp|retries|sender|request|invalid)`, `rate[ -]?(limit|control)`, `throttl`, `(exceed|over|reach|hit)[a-z]* .{0,60}(rate|connection|per (hour|minute|day|second)|frequency|hourly|daily|sending).{0,20}(limit|max|quota|allow)`, `(max|maximum|limit).{0,50}(connection|per (hour|minute|day)|concurren|rate)`, `slow down`, `too fast`, `unusual(ly high)? rate`, `at a rate`, `connection frequency`, `concurrent connections`, `sent too`, `allowed number of`, `deferred due to (excessive|user complaint)`, `reached (its|the) (limit|max)`, `speeding`, `(unexpected|unusual|high|excessive) volume`, `received too many`, `limit exceeded`),
}

// likely words may mean several things; a status that says one is believed first.
var likely = []rule{
	words(UserUnknown, `^(\d{3} )?([45]\.\d{1,3}\.\d{1,3} )?(<address>:? ?)?recipient (address )?rejected\.?( \(in reply.{1,60})?$`),
	words(NoRelay, `relay`, `not a gateway`, `we (do not|don't) handle mail`, `rcpthosts`, `not (a )?local (domain|host)`, `we do not accept mail for`, `not (an? )?(allowed|permitted|accepted) (recipient )?domain`, `sorry, that domain isn't`, `send to external domain`, `local domain only`),
	words(Spam, `\bspam\b`, `spam-?(like|score|content|detect|filter|message|assassin)`, `looks? like.{0,20}spam`, `\bjunk\b`, `unsolicited`, `\bbulk (e-?)?mail`, `\buribl\b`, `\bsurbl\b`, `blacklisted (url|link)`, `probability of spam`, `spam(my|ming|mer)`, `considered.{0,20}spam`, `classified as`, `blocked using .{0,20}spam`, `dnsbl:att`, `low.?scor`, `mail rejet`, `high-?probability`, `objectionable`, `\bube\b`, `\buce\b`),
	words(Blocked, `\bdnsbls?\b`, `\brbls?\b`, `bounce attack`, `dns check fail`, `suspected`, `refused to talk to me`, `black ?-?list`, `block ?-?list`, `block(ed|ing)?\b`, `\bdnsbl\b`, `\brbl\b`, `spamhaus`, `spamcop`, `sorbs`, `barracuda`, `client host`, `banned`, `(bad|poor|low|sender|your|ip|domain|the) (ip )?reputation`, `reputation`, `access (is )?denied`, `(your|the|sending|client|this|connecting) (ip|host|server|network|mail ?server|isp|mta)\b`, `dynamic ip`, `denied by`, `not allowed to (send|connect)`, `service refuse`, `bad sender`, `your domain`, `blocked?`, `refused your connection`, `connection (refused|rejected|denied) by policy`, `(ip|host) .{0,40}(reject|refus|denied|not allowed|not accept)`, `access from ip`, `go away`, `refus(ed|ons|é)[^.]{0,12}(connexion|ip)`, `deny ip`, `service unavailable;`, `not accepting connections`, `email server`, `sender score`, `no (access|smtp) from`, `untrusted`, `you (are|were|have been) (not allowed|blocked|denied)`),
	words(Rejected, `\bbatv\b`, `third-party dsn`, `fully[ -]qualified (e-?mail )?address`, `members?-only`, `non-?members?\b`, `not subscribed`, `captcha`, `[eé]metteur invalide`, `permanently deferred`, `recipient rejected`, `sender`, `from:? (domain|address)`, `\bmail from\b`, `(not|no) (a )?member`, `permission to post`, `are not allowed to post`, `not (allowed|permitted|authorized) to (send|post|submit)`, `domain is invalid`, `does not exist`, `may not have permission`, `google groups`, `reverse-?path`, `return-?path`, `address rejected`, `user reject`, `rejected`, `envelope (blocked|from)`, `you do not have permission`, `restrict`, `the group you tried to contact`),
	words(Filtered, `filter`, `\bdeny\b`, `recipient.{0,30}(refus|reject|prohibit|restrict|not accept|only accept|denied|chosen|prefer)`, `does not want`, `(declined|refused) by (the )?(recipient|user)`, `rejected by (the )?(recipient|user|addressee)`, `resolver\.rst`, `the user .{0,40}not accept`, `only accepts? (mail|messages)`),
	words(Network, `(connect|connection|network|socket|session).{0,30}(refused|reset|lost|dropped|closed|broken|error|unreach|fail|timed|timeout|not accept|abort)`, `hop ?count`, `too many (hops|received)`, `\bloop`, `unreachable`, `no route`, `name service error`, `name ?server`, `\bdns\b`, `host not found, try`, `host not reachable`, `no answer`, `(could|can) ?not connect`, `(unable|failed) to connect`, `did not accept our requests to connect`, `routing error`, `host name lookup failure`, `(remote|mail) (host|server) (is )?(not|un)`, `conversation with`, `all .{0,20}(servers?|hosts?|mx).{0,20}(fail|unable|down)`, `find a gateway`, `malformed or unexpected name server`, `mail for .{0,60} loops`),
	words(Expired, `given up`, `failing for a long time`, `failed \d+ (delivery )?attempts`, `numerous attempts`, `time[d-]? ?-?out`, `expired`, `queue too long`, `in the queue`, `giving up`, `retry (time|limit|period)`, `(tried|trying|retried|retries|attempt).{0,60}(days?|hours?|times?|multiple)`, `could not (be )?deliver(ed)? .{0,30}(days?|hours?|seconds)`, `not been (delivered|collected)`, `delivery (time|period)`, `has been delayed`, `undelivered for`, `too old`, `aborted after`, `for the last \d+ seconds`, `warning message only`, `delayed`),
	words(Mailer, `command (failed|died|output|line|time|not)`, `pipe to`, `child status`, `program`, `procmail`, `\bexec`, `mailer (error|failed|=)`, `local delivery failed`, `exit (code|status)`, `service unavailable \(`, `x-unix`, `script`, `generated by`),
	words(Syntax, `syntax`, `(command|unrecogni[sz]ed|bad) (command|sequence|unrecogni|not (implemented|recogni))`, `protocol error`, `improper`, `not implemented`, `non-?ascii`, `smtputf8`),
	words(NotCompliant, `rfc ?-?\d{3,4}`, `header`, `not (rfc )?compliant`, `malformed`, `multiple .{0,20}from`, `duplicate header`, `bare (lf|cr)`, `invalid message`),
	words(BadContent, `content`, `attachment`, `\bmime\b`, `8-?bit`, `charset|character set`, `message body`, `conversion`, `unacceptable (mail|message)`, `encoding`),
	words(Security, `auth(entication)? (is )?required`, `ciphers?\b`, `tlsa?-`, `dnssec`, `\bdane\b`, `starttls`, `\btls\b`, `encrypt`, `password`, `credential`, `authenticat`, `\bssl\b`, `certificate`, `must be secure`),
	words(Violation, `polic(y|ies)`, `violat`, `prohibit`, `terms of`, `not accept(ed|able)`, `complian`, `prevented`, `disallow`, `permission`, `denied`, `refused`, `not allowed`, `not permitted`, `administrative`),
	words(System, `(system|internal|local|server|configuration|config|database|ldap|i\/o|temporary|temporarily|software|service|resource|application).{0,40}(error|failure|problem|unavailable|fail|exception|misconfig|not available|busy|down|trouble)`, `try (again )?later`, `misconfigur`, `unable to (open|contact|access|lock|create)`, `can(not|'t) (open|create|lock|access|contact)`, `server (error|configuration|busy|down)`, `temporar`, `overload`, `maintenance`, `insufficient`, `resources`, `too busy`, `no (local|such) (mail|file)`, `config`, `pop3|lmtp`),
	words(UserUnknown, `does not like recipient`), // what qmail says before what the server said
}
