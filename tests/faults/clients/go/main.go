// Go's net/smtp; what is said to it is in tests/faults/programs.py.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"strconv"
	"strings"
	"time"
)

type settings struct {
	port, tls, authority, user, password string
	patience                             time.Duration
}

type sender struct {
	given  settings
	conn   net.Conn
	client *smtp.Client
}

func (s *sender) connect() error {
	authority, err := os.ReadFile(s.given.authority)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	config := &tls.Config{ServerName: "127.0.0.1", RootCAs: pool}
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+s.given.port, s.given.patience)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(s.given.patience)); err != nil {
		return err
	}
	if s.given.tls == "ssl" {
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
	if s.given.tls == "starttls" {
		if err := client.StartTLS(config); err != nil {
			return err
		}
	}
	if s.given.user != "" {
		return client.Auth(smtp.PlainAuth("", s.given.user, s.given.password, "127.0.0.1"))
	}
	return nil
}

func (s *sender) send(from string, data []byte, recipients []string) ([]string, error) {
	refused := []string{}
	if s.client == nil {
		if err := s.connect(); err != nil {
			return refused, err
		}
	}
	if err := s.conn.SetDeadline(time.Now().Add(s.given.patience)); err != nil {
		return refused, err
	}
	if err := s.client.Mail(from); err != nil {
		return refused, err
	}
	for _, recipient := range recipients {
		if err := s.client.Rcpt(recipient); err != nil {
			refused = append(refused, recipient)
		}
	}
	writer, err := s.client.Data()
	if err != nil {
		return refused, err
	}
	if _, err := writer.Write(data); err != nil {
		return refused, err
	}
	return refused, writer.Close()
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	line, err := in.ReadString('\n')
	if err != nil {
		panic(err)
	}
	given := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
	seconds, err := strconv.ParseFloat(given[3], 64)
	if err != nil {
		panic(err)
	}
	patience := time.Duration(seconds * float64(time.Second))
	s := sender{given: settings{given[0], given[1], given[2], given[4], given[5], patience}}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			break
		}
		mail := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		data, err := base64.StdEncoding.DecodeString(mail[1])
		if err != nil {
			panic(err)
		}
		refused, err := s.send(mail[0], data, mail[2:])
		answer := "sent"
		if err != nil {
			answer = "failed"
			if s.client != nil {
				s.client.Close()
				s.client = nil
			}
		}
		fmt.Println(strings.Join(append([]string{answer}, refused...), "\t"))
	}
	if s.client != nil {
		s.client.Quit()
	}
}
