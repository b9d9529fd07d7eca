package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/mail"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/event"
	"saksi/findings/notice"
	"saksi/findings/query"
	"saksi/findings/spool"
	"saksi/rules"
	"saksi/rules/intel"
)

type notifyOptions struct {
	indexFlags
	webhook, secret       string
	smtp, from, to, login string
	severity              string
	tlp                   string
	every                 time.Duration
	once, all             bool

	hush  suppressFlag
	asked string // the query
}

func findingsNotify(a *app) *cobra.Command {
	o := &notifyOptions{}
	c := &cobra.Command{
		Use:   "notify [QUERY]",
		Short: "Tell people of findings by webhook or mail, grouped, until interrupted",
		Long: "Follows the spool with a place of its own. What came since the last time is told in one notice: by rule, how many, first and last, and the ids of the\n" +
			"first few. A notice that can't be sent is sent later, and its findings are told once more rather than not at all. At its first start it begins with what\n" +
			"comes then (--all: with what is there). Suppressed findings, and what rests on indicators marked stricter than --max-tlp, are left out and counted.\n\n" +
			"--webhook posts JSON; with --secret-file its HMAC-SHA256 stands in X-Saksi-Signature. --smtp mails by a server, over TLS but on this machine. Logins\n" +
			"and secrets stand in files that their owner alone can read.",
		Example: "  saksi findings notify --severity high --webhook https://chat.agensi.example/hook --secret-file hook.secret\n" +
			"  saksi findings notify --smtp mel.agensi.example:587 --from saksi@agensi.example --to-mail csirt@agensi.example --login mel.login --once",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeQuery,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args) },
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&o.webhook, "webhook", "", "`URL` to post to")
	f.StringVar(&o.secret, "secret-file", "", "`file` whose first line signs what is posted")
	f.StringVar(&o.smtp, "smtp", "", "mail server, `HOST:PORT`")
	f.StringVar(&o.from, "from", "", "mail `address` it comes from")
	f.StringVar(&o.to, "to-mail", "", "mail `address` it goes to")
	f.StringVar(&o.login, "login", "", "`file` with the login of the mail server, USER:PASSWORD")
	f.StringVar(&o.severity, "severity", "high", "tell of findings of this `severity` or above: low, medium, high or critical")
	f.StringVar(&o.tlp, "max-tlp", "green", "tell of at most this `marking` of the Traffic Light Protocol: clear, green, amber, amber+strict or red")
	f.DurationVar(&o.every, "every", 30*time.Second, "how long to gather before the next notice")
	f.BoolVar(&o.once, "once", false, "tell of what came since the last time, and end")
	f.BoolVar(&o.all, "all", false, "at the first start, tell of what the spool holds already")
	return c
}

// channel is one way of telling, with a place of its own in the spool: while one
// fails, what the other has told is not told again. What a channel has not told
// of is not pruned.
type channel struct {
	place string
	n     *notice.Notifier
}

func (o *notifyOptions) run(ctx context.Context, a *app, args []string) error {
	list, err := o.channels(args)
	if err != nil {
		return err
	}
	if o.caseID != "" {
		info, err := casefile.ReadInfo(o.caseID)
		if err != nil {
			return caseError(err)
		}
		if closed[info.Classification] {
			return fail(exitUsage, fmt.Errorf("case %s is marked %s and leaves encrypted only; nobody is told of it by webhook or mail", info.ID, info.Classification))
		}
	}
	_, dir, err := o.folder()
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return failHint(exitFailed, fmt.Errorf("there is no spool in %s", dir), "name the index or the case by --index or --case")
	}
	for _, c := range list {
		if !o.all && !spool.Known(dir, c.place) {
			if err := spool.Skip(ctx, dir, c.place); err != nil {
				return err
			}
		}
	}
	as := *a
	for _, c := range list { // what is sent leaves the index
		as.format, as.to = c.place, ""
		if err := o.look(ctx, &as, nil, "notify", o.asked, -1); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.stderr, "saksi: telling of findings in %s\n", oneLine(dir))
	wait := o.every
	for {
		o.refresh(ctx)
		err := o.tell(ctx, a, dir, list)
		switch {
		case ctx.Err() != nil:
			return nil // to be interrupted is how it ends
		case o.once:
			return err
		case err != nil:
			a.warn(err.Error() + "; it is tried again")
			wait = min(wait*2, 10*time.Minute)
		default:
			wait = o.every
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// tell gives each channel what came since it told last. One that fails keeps none
// of the others from telling.
func (o *notifyOptions) tell(ctx context.Context, a *app, dir string, list []channel) error {
	var all []error
	for _, c := range list {
		sent := c.n.Sent
		_, err := spool.Follow(ctx, dir, c.place, c.n, nil)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case o.once:
			fmt.Fprintf(a.stderr, "saksi: %s: %d notices sent, %d findings left out: suppressed, or marked stricter than --max-tlp\n", c.place, c.n.Sent, c.n.LeftOut)
		case err == nil && c.n.Sent > sent:
			fmt.Fprintf(a.stderr, "saksi: %s: %s: notice sent; %d findings left out since the start\n", time.Now().UTC().Format(time.RFC3339), c.place, c.n.LeftOut)
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// channels are the ways of telling that the flags name.
func (o *notifyOptions) channels(args []string) ([]channel, error) {
	least, ok := rules.SeverityByName(o.severity)
	if !ok {
		return nil, usage("--severity %s: expected low, medium, high or critical", o.severity)
	}
	most, ok := intel.ParseTLP(o.tlp)
	if !ok {
		return nil, usage("--max-tlp %s: expected clear, green, amber, amber+strict or red", o.tlp)
	}
	if o.every < time.Second {
		return nil, usage("--every %s: expected a second or more", o.every)
	}
	n := notice.Notifier{Agency: o.agency, Least: int64(least), Where: place}
	var list []channel
	add := func(name string, to notice.Sender) {
		c := n
		c.To = to
		list = append(list, channel{name, &c})
	}
	q, err := queryOf(args)
	if err != nil {
		return nil, err
	}
	o.asked = q
	if q != "" {
		node, err := query.Parse(q)
		if err != nil {
			return nil, queryError(err)
		}
		n.Match = node.Match
	}
	n.Skip = func(e *event.Event) bool {
		text, _ := e.GetStr(event.ThreatIndicatorMarkingTlp)
		mark, ok := intel.ParseTLP(text)
		return text != "" && (!ok || mark > most) || o.hush.skip(e)
	}
	if o.webhook != "" {
		u, err := url.Parse(o.webhook)
		if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && (u.Hostname() == "127.0.0.1" || u.Hostname() == "::1")) {
			return nil, usage("--webhook: expected https://HOST/PATH")
		}
		w := &notice.Webhook{URL: u}
		if o.secret != "" {
			s, err := ownFirstLine(o.secret)
			if err != nil {
				return nil, err
			}
			w.Secret = []byte(s)
		}
		add("notify-webhook", w)
	}
	if o.smtp != "" {
		s := &notice.SMTP{Server: o.smtp, From: o.from, To: o.to}
		for flag, v := range map[string]string{"--from": o.from, "--to-mail": o.to} {
			if x, err := mail.ParseAddress(v); err != nil || x.Address != v {
				return nil, usage("%s %q: expected an address as csirt@agensi.example", flag, v)
			}
		}
		l, err := readLogin(o.login)
		if err != nil {
			return nil, err
		}
		s.User, s.Password = l.User, l.Password
		add("notify-mail", s)
	}
	if len(list) == 0 {
		return nil, usage("nobody is told: name --webhook or --smtp")
	}
	return list, nil
}

// refresh reads what is suppressed now. An index that does not answer suppresses
// nothing: better told than not.
func (o *notifyOptions) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	o.hush = suppressFlag{text: "show"}
	ix, err := o.read(ctx)
	if err != nil {
		return
	}
	defer ix.Close()
	h := suppressFlag{text: "hide"}
	if h.load(ctx, ix) == nil {
		o.hush = h
	}
}
