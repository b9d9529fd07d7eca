package notice

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"time"
)

// ErrClear is returned when a mail server offers no TLS and is not this machine.
var ErrClear = errors.New("the mail server offers no TLS")

// SMTP mails notices by a server.
type SMTP struct {
	Server         string // HOST:PORT
	From, To       string
	User, Password string
	CA             *x509.CertPool // nil: the system's
}

// Send implements Sender. Nothing is sent in clear but on this machine.
func (s *SMTP) Send(ctx context.Context, n *Notice) (err error) {
	host, _, err := net.SplitHostPort(s.Server)
	if err != nil {
		return fmt.Errorf("mailing by %s: expected HOST:PORT", s.Server)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("mailing by %s: %w", s.Server, err)
		}
	}()
	d := net.Dialer{Timeout: 30 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", s.Server)
	if err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	defer c.Close()
	if ok, _ := c.Extension("STARTTLS"); ok {
		if err := c.StartTLS(&tls.Config{ServerName: host, RootCAs: s.CA, MinVersion: tls.VersionTLS12}); err != nil {
			return err
		}
	} else if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return ErrClear
	}
	if s.User != "" {
		if err := c.Auth(smtp.PlainAuth("", s.User, s.Password, host)); err != nil {
			return err
		}
	}
	if err := c.Mail(s.From); err != nil {
		return err
	}
	if err := c.Rcpt(s.To); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(Mail(n, s.From, s.To, time.Now())); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_ = c.Quit() // the message was accepted: one more would be a copy
	return nil
}
