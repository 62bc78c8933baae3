// Command kstatus prints the status that kstatus computes for each Kubernetes object on its standard
// input, one JSON document after the other: InProgress, Failed, Current, Terminating or Unknown.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(objects io.Reader, statuses io.Writer) error {
	decoder := json.NewDecoder(objects)
	for {
		var document json.RawMessage
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		// UnmarshalJSON reads whole numbers as int64, which kstatus expects of generations.
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(document); err != nil {
			return err
		}
		result, err := status.Compute(object)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(statuses, result.Status); err != nil {
			return err
		}
	}
}
