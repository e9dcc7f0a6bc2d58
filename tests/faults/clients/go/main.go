// Go's net/smtp; the dialogue is that of node/client.js.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"time"
)

type settings struct {
	Port     int
	TLS      string
	CA       string
	Timeout  float64
	User     string
	Password string
}

type mail struct {
	From string
	To   []string
	Data []byte
}

type answer struct {
	Sent    bool     `json:"sent"`
	Refused []string `json:"refused"`
	Said    string   `json:"said"`
}

type sender struct {
	given  settings
	conn   net.Conn
	client *smtp.Client
}

func (s *sender) patience() time.Duration {
	return time.Duration(s.given.Timeout * float64(time.Second))
}

func (s *sender) connect() error {
	authority, err := os.ReadFile(s.given.CA)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	config := &tls.Config{ServerName: "127.0.0.1", RootCAs: pool}
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", s.given.Port), s.patience())
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(s.patience())); err != nil {
		return err
	}
	if s.given.TLS == "ssl" {
		conn = tls.Client(conn, config)
	}
	client, err := smtp.NewClient(conn, "127.0.0.1")
	if err != nil {
		conn.Close()
		return err
	}
	if err := s.greet(client, config); err != nil {
		client.Close()
		return err
	}
	s.conn, s.client = conn, client
	return nil
}

func (s *sender) greet(client *smtp.Client, config *tls.Config) error {
	if err := client.Hello("client.test"); err != nil {
		return err
	}
	if s.given.TLS == "starttls" {
		if err := client.StartTLS(config); err != nil {
			return err
		}
	}
	if s.given.User != "" {
		return client.Auth(smtp.PlainAuth("", s.given.User, s.given.Password, "127.0.0.1"))
	}
	return nil
}

func (s *sender) send(m mail) ([]string, error) {
	refused := []string{}
	if s.client == nil {
		if err := s.connect(); err != nil {
			return refused, err
		}
	}
	if err := s.conn.SetDeadline(time.Now().Add(s.patience())); err != nil {
		return refused, err
	}
	if err := s.client.Mail(m.From); err != nil {
		return refused, err
	}
	for _, recipient := range m.To {
		if err := s.client.Rcpt(recipient); err != nil {
			refused = append(refused, recipient)
		}
	}
	writer, err := s.client.Data()
	if err != nil {
		return refused, err
	}
	if _, err := writer.Write(m.Data); err != nil {
		return refused, err
	}
	return refused, writer.Close()
}

func main() {
	var s sender
	in, out := json.NewDecoder(bufio.NewReader(os.Stdin)), json.NewEncoder(os.Stdout)
	if err := in.Decode(&s.given); err != nil {
		panic(err)
	}
	for {
		var m mail
		if in.Decode(&m) != nil {
			break
		}
		refused, err := s.send(m)
		told := answer{Sent: err == nil, Refused: refused}
		if err != nil {
			told.Said = err.Error()
			if s.client != nil {
				s.client.Close()
				s.client = nil
			}
		}
		if err := out.Encode(told); err != nil {
			panic(err)
		}
	}
	if s.client != nil {
		s.client.Quit()
	}
}
