// Makes of a workflow that failed what `argo retry` and `argo resubmit` do, with Argo's own functions: a Workflow as JSON
// comes in, and out goes the new one, with the names of the pods that are to be deleted.
package main

import (
	"context"
	"encoding/json"
	"os"

	wfv1 "github.com/argoproj/argo-workflows/v4/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v4/util/logging"
	"github.com/argoproj/argo-workflows/v4/workflow/util"
)

type made struct {
	Workflow *wfv1.Workflow `json:"workflow"`
	Pods     []string       `json:"pods"`
}

func main() {
	ctx := logging.WithLogger(context.Background(), logging.NewSlogLogger(logging.Error, logging.JSON))
	var workflow wfv1.Workflow
	if err := json.NewDecoder(os.Stdin).Decode(&workflow); err != nil {
		panic(err)
	}
	var out made
	var err error
	if os.Args[1] == "retry" {
		out.Workflow, out.Pods, err = util.FormulateRetryWorkflow(ctx, &workflow, false, "", nil)
	} else {
		out.Workflow, err = util.FormulateResubmitWorkflow(ctx, &workflow, false, nil)
	}
	if err != nil {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		panic(err)
	}
}
