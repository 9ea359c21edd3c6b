// The program of the pods in the tests with a kubelet, which no image has to be pulled for.
//
//	pod                     holds a pod's namespaces until it is told to end
//	pod exit CODE LINES     prints the lines, in base64, leaves the last as its termination message, and ends with the code
//	pod eat                 takes memory until it is killed for it
package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "eat" {
		eat()
	}
	if len(os.Args) == 4 && os.Args[1] == "exit" {
		end(os.Args[2], os.Args[3])
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
}

func end(code, coded string) {
	number, err := strconv.Atoi(code)
	if err != nil {
		panic(err)
	}
	text, err := base64.StdEncoding.DecodeString(coded)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", text)
	last := text[bytes.LastIndexByte(text, '\n')+1:]
	if err := os.WriteFile("/dev/termination-log", last, 0o666); err != nil {
		panic(err)
	}
	os.Exit(number)
}

func eat() {
	fmt.Println("loading rows of train.parquet")
	var taken [][]byte
	for {
		block := make([]byte, 8<<20)
		for at := 0; at < len(block); at += 4096 {
			block[at] = 1
		}
		taken = append(taken, block)
		time.Sleep(5 * time.Millisecond)
	}
}
