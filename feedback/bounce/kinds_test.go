package bounce

import (
	"strings"
	"testing"
)

// TestProviderCodes: a code that a provider publishes says why, in whatever language and
// beside whatever words.
func TestProviderCodes(t *testing.T) {
	for said, want := range map[string]Reason{
		"550 5.2.0 Nachricht abgelehnt. OFR_506 [506]":                     Spam,
		"421 trop de connexions LPN105_104":                                RateLimited,
		"550 boite pleine OFR_417":                                         MailboxFull,
		"550 compte LPN007_426":                                            Suspended,
		"550 5.1.1 adresse LPN416":                                         UserUnknown,
		"421 Server busy, come back. IB101":                                RateLimited,
		"550 more than allowed in one session. IB510":                      RateLimited,
		"552 content judged bad IB212":                                     Spam,
		"550 RCP-P1 http://postmaster.facebook.example/codes?ip=192.0.2.1": UserUnknown,
		"550 5.1.1 RCP-P2 http://postmaster.facebook.example/codes":        Filtered,
		"421 CON-T3 http://postmaster.facebook.example/codes":              RateLimited,
		"554 POL-P5 http://postmaster.facebook.example/codes":              Virus,
		"554 mx cmsmtp 192.0.2.1 blocked. Error AUP#CXBL":                  Blocked,
		"552 5.2.0 x rejected AUP#URLBL011":                                Spam,
		"421 cmsmtp refused. AUP#I-1330":                                   RateLimited,
		"552 refused. AUP#Out-1530":                                        TooLarge,
		"554 refused. AUP#I-1220":                                          Blocked,
		"550 see http://mail.i.ua/err/4/":                                  MailboxFull,
		"550 see http://mail.i.ua/err/10/":                                 Filtered,
		"550 5.1.1 no such user, ticket IB999":                             UserUnknown, // not in the table
		"550 5.1.1 no such user at AUP#I-1999":                             UserUnknown,
		"550 5.1.1 <a@example.com> unknown (queue id AIB1015, not a code)": UserUnknown,
	} {
		if _, got := Judge("", 550, said); got != want {
			t.Errorf("%q: %s, not %s", said, got, want)
		}
	}
}

// TestServersWords: replies that were judged wrongly once, by the rule that was missing.
func TestServersWords(t *testing.T) {
	type reply struct {
		status string
		code   int
		words  string
		want   Reason
	}
	for rule, replies := range map[string][]reply{
		"a code on each line of a reply parts words that belong together": {
			{"", 550, "550-Mail to that place failed: the account 550-or domain may not exist, 550 says its DNS", HostUnknown},
			{"5.1.1", 550, "550-5.1.1 The account that you 550-5.1.1 wrote to does 550 5.1.1 not exist", UserUnknown},
		},
		"blocked is not locked": {{"", 550, "550 no luck for one of the recipients (a@example.com:blocked)", Blocked}},
		"spam is spam whatever the status": {
			{"5.6.0", 554, "554 your mail appears to be spam (#5.6.0)", Spam},
			{"5.2.1", 550, "550 5.2.1 Content Filter agent quarantined it", Spam},
			{"", 554, "554 not taken, as it was flagged as spam", Spam},
		},
		"a limit of sending is not a full mailbox": {
			{"5.4.5", 550, "550 5.4.5 Daily sending quota exceeded", RateLimited},
			{"4.2.1", 450, "450 4.2.1 The user is receiving mail too quickly", RateLimited},
			{"5.2.2", 554, "554 5.2.2 Submission quota exceeded", RateLimited},
		},
		"a full mailbox by other words": {
			{"", 550, "550 Benutzer hat zuviele Mails auf dem Server", MailboxFull},
			{"", 552, "552 too much mail data", MailboxFull},
			{"", 550, "550 the account storage limit is reached", MailboxFull},
			{"", 550, "550 user has exhausted his allowed space", MailboxFull},
			{"", 550, "550 Postbus vol", MailboxFull}, {"", 550, "550 邮箱已满", MailboxFull}, {"", 550, "550 용량 초과", MailboxFull},
		},
		"nobody there by other words": {
			{"5.2.1", 550, "550 5.2.1 Mailbox not available", UserUnknown},
			{"", 550, "550 ** No mail box available for her **", UserUnknown},
			{"5.0.1", 550, "550 5.0.1 Recipient rejected (in reply to RCPT TO command)", UserUnknown},
			{"", 552, "552 1 Requested action aborted, mailbox not found (in reply to end of DATA command)", UserUnknown},
			{"", 550, "550 destinatario sconosciuto", UserUnknown}, {"", 550, "550 konto nie istnieje", UserUnknown},
			{"", 550, "550 bruger findes ikke", UserUnknown}, {"", 550, "550 收件人不存在", UserUnknown}, {"", 550, "550 존재하지 않는 사용자", UserUnknown},
		},
		"the statuses of a sender's address tell of no recipient": {
			{"5.1.7", 550, "550 5.1.7 Invalid address", Rejected}, {"5.1.8", 550, "550 5.1.8 Unknown address", Rejected},
		},
		"what is said of a server is not said of a user": {
			{"4.4.4", 0, "Recipient server unavailable or busy", Network},
			{"5.5.4", 501, "501 5.5.4 Invalid domain name", NoPTR},
		},
		"words that a line joins":  {{"", 550, "550 BAD_RECIPIENT - see our page", UserUnknown}, {"", 550, "550 <a@example.com> is not an active address here", UserUnknown}},
		"a relay that is not ours": {{"5.7.1", 553, "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", NoRelay}},
		"the network and the DNS": {
			{"", 0, "Host name lookup failure", Network}, {"", 0, "all host address lookups failed permanently", HostUnknown},
			{"", 550, "550 has exceeded the maximum hop count", Network}, {"", 0, "an SRV record indicated no SMTP service", NoMail},
			{"", 450, "450 could not connect to the LDAP server", System},
		},
		"a relay between": {
			{"", 550, "550 rejected by next-hop MTA on relaying, from MTA: 550 no such user here", UserUnknown},
			{"", 0, "192.0.2.1 does not like recipient. Remote host said: 550 zzz", UserUnknown}, {"", 0, "192.0.2.1 does not like recipient. Remote host said: 554 looks like spam", Spam},
		},
		"a directory in other languages": {{"", 0, "anna はディレクトリのリストにありません", UserUnknown}, {"", 0, "anna non répertorié dans l'annuaire", UserUnknown}},
		"not taken from us":              {{"", 550, "550 this server does not accept mail from there", Rejected}, {"", 550, "550 it is not accepting any mail", Filtered}},
		"loops":                          {{"5.6.0", 554, "554 5.6.0 Message exceeded 50 hops", Network}, {"", 550, "550 routing loop detected, too many received: headers", Network}},
		"closed mailboxes in other languages": {
			{"", 550, "550 Esta casilla ha expirado", Suspended}, {"", 550, "550 indirizzo bloccato per inutilizzo", Suspended}, {"", 550, "550 账户已被禁用", Suspended},
			{"", 550, "550 The recipient account isblocked", Suspended},
		},
		"a status without words that are known": {
			{"5.7.508", 550, "550 5.7.508 zzz", Violation}, {"5.4.350", 554, "554 5.4.350 zzz", Network}, {"5.1.0", 550, "550 5.1.0 zzz", UserUnknown},
			{"5.6.11", 550, "550 5.6.11 zzz", BadContent}, {"5.0.0", 550, "550 5.0.0 zzz", Unknown}, {"4.1.0", 450, "450 4.1.0 zzz", System},
		},
		"who does not want it": {
			{"", 0, "they are not accepting mail from lists@example.com", Filtered},
			{"5.2.3", 554, "554 5.2.3 MailPolicy violation at delivery", Violation},
			{"", 550, "550 does not accept mail over IPv6", Violation},
		},
	} {
		for _, r := range replies {
			if _, got := Judge(r.status, r.code, r.words); got != r.want {
				t.Errorf("%s: %q: %s, not %s", rule, r.words, got, r.want)
			}
		}
	}
}

// TestTexts: where the recipient stands in what programs write for people.
func TestTexts(t *testing.T) {
	const daemon = "From: MAILER-DAEMON@mx.example.net\nTo: us@shop.example\nSubject: failure notice\n"
	for name, x := range map[string]struct {
		mail, address string
		reason        Reason
	}{
		"a list's program handed it on": {"From: MAILER-DAEMON@mx.example.net\nTo: us@shop.example\nSubject: failure notice\nList-Id: <l.shop.example>\nList-Unsubscribe: <mailto:x@shop.example>\nX-BeenThere: l@shop.example\n\nwe could not deliver your message to the following address:\n\n<anna@example.com>:\nThe account is over quota.\n", "anna@example.com", MailboxFull},
		"a colon before the address":    {daemon + "\nUser's mailbox is full: <anna@example.com>\nUnable to deliver.\n", "anna@example.com", MailboxFull},
		"an alias in brackets":          {daemon + "\nA message that you sent could not be delivered. The following address failed:\n\n  an address that is not told\n    (generated from anna@example.com)\n", "anna@example.com", Unknown},
		"the first address of two":      {daemon + "\nYour mail had delivery problems\nto local user anna.\n(Originally addressed to anna@example.com)\n\nUser not known\n", "anna@example.com", UserUnknown},
		"a type before the address":     {daemon + "\nYour message could not be delivered.\nRecipient: [SMTP:anna@example.com]\nReason: 550 mailbox unavailable or not local.\n", "anna@example.com", UserUnknown},
		"behind tries":                  {daemon + "\nDelivery failed 20 attempts: anna@example.com\n\nOriginal message follows.\n\nTo: anna@example.com\n", "anna@example.com", Expired},
		"in a sentence":                 {daemon + "\nHello,\n\nYour message to anna@example.com came here, but this address is wrong or no longer valid.\nIt has NOT been delivered. Contact help@example.net.\n", "anna@example.com", UserUnknown},
		"only a sentence":               {"Return-Path: <>\nFrom: <>\nTo: us@shop.example\nAuto-Submitted: auto-replied\n\nYou sent mail to anna@example.com. That is not a valid user here.\n", "anna@example.com", UserUnknown},
		"the sender's address first":    {daemon + "\nThe message of\n\n  <us+token@shop.example>\n\ncould not be delivered to one or more of its recipients. The following\naddress(es) failed:\n\n  anna@example.com\n    all hosts have been failing for a long time\n", "anna@example.com", Network},
		"it was postponed":              {"From: postmaster@example.net\nTo: us@shop.example\nSubject: Mail Delivery Warning\n\nThis is an advisory-only email.\nDelivery of email to this address\n\"anna@example.com\"\nhas been postponed due to a full mailbox.\nWe will continue to try to deliver it.\n", "anna@example.com", MailboxFull},
		"an empty mail is enclosed":     {"From: MAILER-DAEMON@example.net\nTo: us@shop.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nexample.net\n\n<anna@example.com>:\n\n--b\nContent-Type: message/rfc822\n\n\n--b--\n", "anna@example.com", Unknown},
		"the subject names the sender":  {"From: MAILER-DAEMON@example.net\nTo: us@shop.example\nSubject: Undelivered mail returned to sender\n\nYour message could not be delivered to\n<anna@example.com>:\nno further words\n", "anna@example.com", Unknown},
		"a receipt that refuses":        {"Return-Path: <>\nFrom: Mail Delivery Subsystem <postmaster@example.com>\nTo: us@shop.example\nSubject: Automatically rejected mail\nAuto-Submitted: auto-replied (rejected)\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\nContent-Type: text/plain\n\nYour message was automatically rejected:\nQuota exceeded\n--b\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; anna@example.com\nDisposition: automatic-action/MDN-sent-automatically; deleted\n\n--b--\n", "anna@example.com", MailboxFull},
		"a rule's receipt":              {"Return-Path: <>\nFrom: postmaster@example.com\nTo: us@shop.example\nSubject: Rejected: your order\nAuto-Submitted: auto-replied (rejected)\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\nContent-Type: text/plain\n\nYour message was refused by the recipient: no shops please\n--b\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; anna@example.com\nDisposition: automatic-action/MDN-sent-automatically; deleted\n\n--b--\n", "anna@example.com", Filtered},
		"no word of a sentence":         {daemon + "\nShe is not one of our users.\n\n<anna@example.com>:\nSorry, no mailbox here by that name.\n", "anna@example.com", UserUnknown},
		"said twice":                    {"From: MAILER-DAEMON@example.net\nTo: us@shop.example\nSubject: Delivery Failure\n\nCould not deliver message to the following recipient(s):\n\nFailed Recipient: anna@example.com\nReason: Remote host said: 550 unknown user <anna@example.com>\n", "anna@example.com", UserUnknown},
		"a directory's name":            {"From: System Administrator <postmaster@example.net>\nTo: us@shop.example\nSubject: Undeliverable: order\n\nYour message\n\n  To: shop@list.example\n\ndid not reach the following recipient(s):\n\nc=US;a= ;p=ACME;dda:SMTP=anna@example.com; on Fri, 4 Oct 2002\n    The recipient name is not recognized\n", "anna@example.com", UserUnknown},
		"a gateway without a daemon":    {"From: E9_SMTP_Mail_Service@example.net\nTo: us@shop.example\nSubject: Returned Mail\n\n------ Failed Recipients ------\n\n<anna@example.com>: Requested action not taken: mailbox unavailable. [Error 550]\n-------- Returned Mail --------\n\nTo: anna@example.com\n", "anna@example.com", UserUnknown},
		"a report enclosed": {"From: postmaster@gw.example.net\nTo: us@shop.example\nSubject: Delivery Status Notification (Failure)\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: message/rfc822\n\n" +
			strings.Replace(dsn, "%s", "Final-Recipient: rfc822; anna@example.com\nAction: failed\nStatus: 5.1.1\n\n", 1) + "\n--o--\n", "anna@example.com", UserUnknown},
		"a server's own name": {strings.Replace(dsn, "%s", "Final-Recipient: rfc822; anna@store\nOriginal-Recipient: rfc822; anna@example.com\nAction: failed\nStatus: 5.0.0 (recipient reached disk quota)\n\n", 1), "anna@example.com", MailboxFull},
	} {
		r := Read([]byte(x.mail))
		if len(r.Recipients) != 1 || r.Recipients[0].Address != x.address || r.Recipients[0].Reason != x.reason || r.Kind != Bounced && r.Kind != Delayed {
			t.Errorf("%s: not %s, %s, but %s %+v", name, x.address, x.reason, r.Kind, r.Recipients)
		}
		if name == "it was postponed" && r.Kind != Delayed {
			t.Errorf("%s: is a %s", name, r.Kind)
		}
	}
}

// TestNoBounces: what looks much like a bounce and is none.
func TestNoBounces(t *testing.T) {
	for name, mail := range map[string]string{
		"a newsletter from postmaster":   "From: Postmaster <postmaster@news.example>\nTo: us@shop.example\nList-Unsubscribe: <https://news.example/u>\nSubject: Delivery failed? Ten reasons\n\n550 5.1.1 user unknown: your mail could not be delivered to the following address.\n",
		"a mail that was deleted":        "From: Anna <anna@example.com>\nTo: us@shop.example\nSubject: Not read: Your order\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\nContent-Type: text/plain\n\nYour message was deleted without being read.\n--b\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; anna@example.com\nDisposition: automatic-action/MDN-sent-automatically; deleted\n\n--b--\n",
		"a challenge as a report":        "From: noreply@guard.example\nTo: us@shop.example\nSubject: Re: Your order (action required)\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nYour message is on hold.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; guard.example\n\nFinal-Recipient: rfc822; anna@example.com\nAction: delayed\nStatus: 4.7.0\nDiagnostic-Code: X-Guard; Sender not pre-approved. See above\n\n--b--\n",
		"a person who encloses a bounce": "From: Anna <anna@example.com>\nTo: help@shop.example\nSubject: what is this?\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: text/plain\n\nSee below.\n--o\nContent-Type: message/rfc822\n\n" + strings.Replace(dsn, "%s", "Final-Recipient: rfc822; bob@example.com\nAction: failed\nStatus: 5.1.1\n\n", 1) + "\n--o--\n",
		"a challenge":                    "Return-Path: <anna@example.com>\nFrom: anna@example.com\nTo: us@shop.example\nSubject: RE: Your order\n\nYour message was received, but has not been delivered. This account is protected.\nPlease click on this link so that your address is added: https://guard.example/1\n",
		"an answer in Polish":            "From: Anna <anna@example.com>\nTo: us@shop.example\nPrecedence: junk\nSubject: [Automatyczna odpowiedź] zamówienie\n\nWiadomość nie została dostarczona do mnie: jestem na urlopie.\n",
		"an order that was returned":     "From: Shop <orders@shop.example>\nTo: anna@example.com\nSubject: Your parcel was returned to sender\n\nThe carrier could not deliver to the following address: Main street 1. It has been returned because nobody was there. Order 550 1234.\n",
		"a person who forwards a bounce": "From: Anna <anna@example.com>\nTo: help@shop.example\nSubject: Fwd: Undelivered Mail Returned to Sender\n\nWhy do I get this?\n\n> I'm sorry to have to inform you that your message could not be delivered.\n> <bob@example.net>: 550 5.1.1 User unknown\n",
		"a ticket system":                "From: Help desk <help@shop.example>\nTo: anna@example.com\nAuto-Submitted: auto-generated\nSubject: [#550] Ticket: mail could not be delivered\n\nWe got your ticket about a user unknown. An agent answers soon.\n",
	} {
		if r := Read([]byte(mail)); r.Kind == Bounced || r.Kind == Delayed {
			t.Errorf("%s is taken for %s: %+v", name, r.Kind, r.Recipients)
		}
	}
}
