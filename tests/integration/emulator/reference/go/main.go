// Prints, as JSON, which deliveries of the file named on the command line are accepted, and what
// this library would have signed them with.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

type delivery struct {
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

type opinion struct {
	Accepted  bool   `json:"accepted"`
	Signature string `json:"signature"`
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var deliveries []delivery
	if err := json.Unmarshal(content, &deliveries); err != nil {
		return err
	}
	opinions := make([]opinion, len(deliveries))
	for place, one := range deliveries {
		webhook, err := standardwebhooks.NewWebhook(one.Secret)
		if err != nil {
			return err
		}
		headers := http.Header{}
		for name, value := range one.Headers {
			headers.Set(name, value)
		}
		seconds, err := strconv.ParseInt(one.Headers["webhook-timestamp"], 10, 64)
		if err != nil {
			return err
		}
		body := []byte(one.Body)
		signature, err := webhook.Sign(one.Headers["webhook-id"], time.Unix(seconds, 0), body)
		if err != nil {
			return err
		}
		opinions[place] = opinion{webhook.Verify(body, headers) == nil, signature}
	}
	return json.NewEncoder(os.Stdout).Encode(opinions)
}
