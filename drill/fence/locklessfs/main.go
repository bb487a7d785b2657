// Command locklessfs mounts a folder a second time by FUSE, without passing locks on: the kernel keeps those of each
// mount for itself. Two mounts of one folder are then like two hosts on a network file system that lost its locks.
//
//	locklessfs [-cache 1s] FOLDER MOUNTPOINT
//
// Prints "mounted" once it serves; SIGTERM, SIGINT or the end of its input unmounts it.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

func main() {
	cache := flag.Duration("cache", 0, "how long names and attributes are kept without asking again")
	flag.Parse()
	if flag.NArg() != 2 {
		log.Fatal("usage: locklessfs [-cache 1s] FOLDER MOUNTPOINT")
	}
	root, err := fs.NewLoopbackRoot(flag.Arg(0))
	if err != nil {
		log.Fatal(err)
	}
	var never time.Duration
	server, err := fs.Mount(flag.Arg(1), root, &fs.Options{
		EntryTimeout:    cache,
		AttrTimeout:     cache,
		NegativeTimeout: &never,
		MountOptions: fuse.MountOptions{
			// Without fusermount, so that nothing needs to be installed.
			DirectMountStrict: true,
			// Servers run as a user of their own.
			AllowOther: true,
			FsName:            "locklessfs",
			Name:              "locklessfs",
			// Lock requests stay in the kernel's table of this mount.
			EnableLocks: false,
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for range signals {
			if err := server.Unmount(); err != nil {
				log.Print(err)
			}
		}
	}()
	go func() {
		io.Copy(io.Discard, os.Stdin)
		if server.Unmount() != nil {
			syscall.Unmount(flag.Arg(1), syscall.MNT_DETACH)
		}
	}()
	fmt.Println("mounted")
	server.Wait()
}
