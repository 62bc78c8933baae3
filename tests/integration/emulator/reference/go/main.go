// Prints, as JSON, which deliveries of the file named on the command line are accepted.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

type delivery struct {
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
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
	accepted := make([]bool, len(deliveries))
	for place, one := range deliveries {
		webhook, err := standardwebhooks.NewWebhook(one.Secret)
		if err != nil {
			return err
		}
		headers := http.Header{}
		for name, value := range one.Headers {
			headers.Set(name, value)
		}
		accepted[place] = webhook.Verify([]byte(one.Body), headers) == nil
	}
	return json.NewEncoder(os.Stdout).Encode(accepted)
}
