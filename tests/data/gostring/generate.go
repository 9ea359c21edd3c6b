// Prints what Go's strconv does with many strings, so that exitkit/gostring.py can be held to it.
//
//	go run generate.go > vectors.jsonl   one JSON object a line:
//	    {"q": literal, "b": hex}         strconv.Quote of the bytes
//	    {"u": literal, "b": hex or null} strconv.Unquote of the text, null where Go refuses
//	    {"f": literal, "j": [...]}       workflow.failures as Argo's operator.go builds it, and what went in
//	go run generate.go serve             reads `quote <hex>` and `unquote <hex>` lines, answers `ok <hex>` or `error`
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"time"
)

// failedNodeStatus has the fields of Argo's type of that name (workflow/controller/operator.go).
type failedNodeStatus struct {
	DisplayName  string     `json:"displayName"`
	Message      string     `json:"message"`
	TemplateName string     `json:"templateName"`
	Phase        string     `json:"phase"`
	PodName      string     `json:"podName"`
	FinishedAt   *time.Time `json:"finishedAt"`
}

var out = bufio.NewWriter(os.Stdout)

func main() {
	defer out.Flush()
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		serve()
		return
	}
	random := rand.New(rand.NewSource(20260821))
	for _, text := range texts(random) {
		quoted(text)
	}
	for _, literal := range literals(random) {
		unquoted(literal)
	}
	for _, list := range failures(random) {
		wire(list)
	}
}

func serve() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		verb, argument, _ := strings.Cut(in.Text(), " ")
		data, err := hex.DecodeString(argument)
		answer := string(data)
		switch {
		case err != nil:
		case verb == "quote":
			answer = strconv.Quote(answer)
		case verb == "unquote":
			answer, err = strconv.Unquote(answer)
		default:
			err = strconv.ErrSyntax
		}
		if err != nil {
			fmt.Fprintln(out, "error")
		} else {
			fmt.Fprintln(out, "ok", hex.EncodeToString([]byte(answer)))
		}
		out.Flush()
	}
}

func texts(random *rand.Rand) []string {
	var all []string
	for r := rune(0); r < 0x180; r++ {
		all = append(all, string(r))
	}
	for b := 0x80; b < 0x100; b++ { // bytes that are no UTF-8
		all = append(all, string([]byte{byte(b)}), string([]byte{'a', byte(b), 0xac, 'z'}))
	}
	for _, r := range []rune{0x2028, 0x2029, 0x200b, 0x202e, 0x2066, 0xfeff, 0xfffd, 0xfffe, 0xffff, 0xd7ff, 0xe000,
		0x1f600, 0x1f3f4, 0xe0067, 0xe007f, 0x1d11e, 0x10ffff, 0x3000, 0x00ad, 0x0301, 0x4e2d} {
		all = append(all, string(r), "x"+string(r)+"0")
	}
	all = append(all, "", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80", "\xe2\x82", "\xe2\x82\xac", `\x41`, `\\u0041`, "`", "'")
	for n := 0; n < 500; n++ {
		var text strings.Builder
		for size := random.Intn(12); size > 0; size-- {
			text.WriteString(piece(random))
		}
		all = append(all, text.String())
	}
	return all
}

func piece(random *rand.Rand) string {
	switch random.Intn(6) {
	case 0:
		return string(rune(random.Intn(0x80)))
	case 1:
		return string(rune(random.Intn(0x3000)))
	case 2:
		return string(rune(0x10000 + random.Intn(0x100000)))
	case 3:
		return string([]byte{byte(random.Intn(256))})
	case 4:
		return []string{`\`, `"`, `\"`, `\\`, "\n", `\n`, `\x`, `\u`}[random.Intn(8)]
	default:
		return []string{"main: Error (exit code 1)", "\x1b[31mred\x1b[0m", "é", "€", "😀"}[random.Intn(5)]
	}
}

func literals(random *rand.Rand) []string {
	all := []string{"", `"`, `""`, "`", "``", "`a\\n`", "`a\rb\n`", "`a`b`", `"a"b"`, `"a`, `a"`, `'a'x`, `"a\`, "\"a\nb\"", "\"a\rb\"",
		`"\'"`, `"\/"`, `"\400"`, `"\377"`, `"\37"`, `"\8"`, `"\x4"`, `"\x4g"`, `"\u004"`, `"\ud800"`, `"\udfff"`, `"\ud7ff"`, `"\ue000"`,
		`"\ud83d\ude00"`, `"\U0000d800"`, `"\U0000e000"`, `"\U00110000"`, `"\U0010ffff"`, `"\U000e0067"`, `"\Uffffffff"`, `"\e"`, `"\N"`,
		`"\xe2\x82\xac"`, `"\342\202\254"`, `"\xe2\202\xac"`, `"\xe2\x82"`, `"\xe2€"`, `"\xed\xa0\x80"`, `"\x5cu0041"`, `"\134n"`, `"\x5c\x5c"`,
		`"\a\b\f\n\r\t\v\\\""`, ` "a"`, `"a" `, `"null"`, `"\"null\""`}
	pieces := []string{`\`, `"`, `\x`, `\u`, `\U`, `\0`, `\1`, `\4`, `0`, `7`, `8`, `d`, `D`, `f`, `00`, `0010`, `a`, `n`, "\n", "`", `\\`, "é", "\x7f"}
	for n := 0; n < 1500; n++ {
		var text strings.Builder
		for size := random.Intn(8); size >= 0; size-- {
			text.WriteString(pieces[random.Intn(len(pieces))])
		}
		all = append(all, `"`+text.String()+`"`)
	}
	return all
}

func failures(random *rand.Rand) [][]failedNodeStatus {
	at := time.Date(2026, 8, 21, 12, 40, 7, 0, time.UTC)
	all := [][]failedNodeStatus{
		nil,
		{},
		{{"step-a", "main: Error (exit code 1)", "fail", "Failed", "wf-x-fail-1170427545", &at}},
		{
			{"B(0)", "main: Error (exit code 1): Traceback \"x\"\n <b> & $(id) `id` \x1b[31mred\x1b[0m C:\\tmp", "tmpl", "Error", "p", nil},
			{"del", "a\x7fb", "tmpl", "Failed", "p", &at},
			{"flag", "🏴\U000e0067\U000e0062 zwsp\u200b nbsp\u00a0 😀 é \u2028", "tmpl", "Failed", "p", &at},
		},
	}
	for n := 0; n < 60; n++ {
		var list []failedNodeStatus
		for size := random.Intn(3); size >= 0; size-- {
			var message strings.Builder
			for pieces := random.Intn(10); pieces > 0; pieces-- {
				message.WriteString(piece(random))
			}
			list = append(list, failedNodeStatus{fmt.Sprintf("step-%d", size), message.String(), "tmpl", "Failed", fmt.Sprintf("wf-tmpl-%d", random.Uint32()), &at})
		}
		all = append(all, list)
	}
	return all
}

func quoted(text string) {
	line(map[string]any{"q": strconv.Quote(text), "b": hex.EncodeToString([]byte(text))})
}

func unquoted(literal string) {
	text, err := strconv.Unquote(literal)
	if err != nil {
		line(map[string]any{"u": literal, "b": nil})
		return
	}
	line(map[string]any{"u": literal, "b": hex.EncodeToString([]byte(text))})
}

func wire(list []failedNodeStatus) {
	data, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	line(map[string]any{"f": strconv.Quote(string(data)), "j": list})
}

func line(value any) {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
}
