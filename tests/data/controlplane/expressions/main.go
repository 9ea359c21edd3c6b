// What Argo's controller makes of a template's tags: its own evaluator, of the version that go.mod says.
//
// Reads {"template": …, "passes": [{"workflow.name": "…"}, …]} from standard input, and writes the template as it is after
// the passes, each of which leaves for the next what it does not know.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/argoproj/argo-workflows/v3/util/template"
)

type task struct {
	Template json.RawMessage     `json:"template"`
	Passes   []map[string]string `json:"passes"`
}

func main() {
	if err := substitute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func substitute() error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var given task
	if err := json.Unmarshal(text, &given); err != nil {
		return err
	}
	result := string(given.Template)
	for _, known := range given.Passes {
		if result, err = template.Replace(result, known, true); err != nil {
			return err
		}
	}
	_, err = os.Stdout.WriteString(result)
	return err
}
