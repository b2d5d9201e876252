;; An interpreter for scripts of preview 1 calls, so that a test case in JSON can make any of the
;; 46 calls with any arguments. The script is the guest's arguments, words separated by spaces:
;;
;;   12  -1            push a number
;;   'text             push address and length of a text; \HH is the byte with that hex value
;;   fd_close …        take as many numbers as the function has parameters, call it, print
;;                     "fd_close ERRNO" and keep the errno
;;   .                 print a number             show   print LEN bytes at ADDRESS
;;   load8/32/64       ADDRESS to value           store8/32/64   ADDRESS VALUE
;;   fill              ADDRESS LEN BYTE           grow   PAGES to the old size, or -1
;;   drop  dup  add    the usual                  errno  the last one
;;   repeat … again    do N times                 until_error … again   until errno is not 0
;;   count             rounds of the last loop that came to its end
;;   name              a text that is another one each time: n0, n1, …
;;   iov               ADDRESS LEN to the iovec list and its count
;;   open  openro      'PATH OFLAGS below descriptor 3, with all rights / those to read
;;   fd                the descriptor opened last
;;   write             FD 'TEXT: prints "write ERRNO WRITTEN"
;;   read              FD LEN: prints "read ERRNO COUNT" and the bytes
;;   quiet  loud       whether calls print
;;   trap              unreachable
;;
;; Memory: 1024 to 65535 is the script's, above are texts, arguments and the interpreter's own.
(module
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_res_get" (func $clock_res_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_advise" (func $fd_advise (param i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_allocate" (func $fd_allocate (param i32 i64 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_datasync" (func $fd_datasync (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fd_fdstat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $fd_fdstat_set_flags (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_rights" (func $fd_fdstat_set_rights (param i32 i64 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_get" (func $fd_filestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $fd_filestat_set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_times" (func $fd_filestat_set_times (param i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread" (func $fd_pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber" (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_sync" (func $fd_sync (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_tell" (func $fd_tell (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_set_times" (func $path_filestat_set_times (param i32 i32 i32 i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link" (func $path_link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_readlink" (func $path_readlink (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_remove_directory" (func $path_remove_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "proc_raise" (func $proc_raise (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func $sock_accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_recv" (func $sock_recv (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send" (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_shutdown" (func $sock_shutdown (param i32 i32) (result i32)))

  (type $word (func))
  (memory (export "memory") 4)
  (table 74 funcref)
  (elem (i32.const 0)
    $do_args_get $do_args_sizes_get $do_environ_get $do_environ_sizes_get $do_clock_res_get $do_clock_time_get
    $do_fd_advise $do_fd_allocate $do_fd_close $do_fd_datasync $do_fd_fdstat_get $do_fd_fdstat_set_flags
    $do_fd_fdstat_set_rights $do_fd_filestat_get $do_fd_filestat_set_size $do_fd_filestat_set_times
    $do_fd_pread $do_fd_prestat_get $do_fd_prestat_dir_name $do_fd_pwrite $do_fd_read $do_fd_readdir
    $do_fd_renumber $do_fd_seek $do_fd_sync $do_fd_tell $do_fd_write $do_path_create_directory
    $do_path_filestat_get $do_path_filestat_set_times $do_path_link $do_path_open $do_path_readlink
    $do_path_remove_directory $do_path_rename $do_path_symlink $do_path_unlink_file $do_poll_oneoff
    $do_proc_exit $do_proc_raise $do_random_get $do_sched_yield $do_sock_accept $do_sock_recv $do_sock_send
    $do_sock_shutdown $do_dot $do_show $do_load8 $do_load32 $do_load64 $do_store8 $do_store32 $do_store64
    $do_fill $do_grow $do_nop $do_dup $do_add $do_errno $do_repeat $do_until_error $do_again $do_count
    $do_name $do_iov $do_open $do_openro $do_fd $do_write $do_read $do_quiet $do_loud $do_trap)

  ;; The vocabulary: length of the name, number of parameters, name. In the order of the table.
  (data (i32.const 217088)
    "\08\02args_get"
    "\0e\02args_sizes_get"
    "\0b\02environ_get"
    "\11\02environ_sizes_get"
    "\0d\02clock_res_get"
    "\0e\03clock_time_get"
    "\09\04fd_advise"
    "\0b\03fd_allocate"
    "\08\01fd_close"
    "\0b\01fd_datasync"
    "\0d\02fd_fdstat_get"
    "\13\02fd_fdstat_set_flags"
    "\14\03fd_fdstat_set_rights"
    "\0f\02fd_filestat_get"
    "\14\02fd_filestat_set_size"
    "\15\04fd_filestat_set_times"
    "\08\05fd_pread"
    "\0e\02fd_prestat_get"
    "\13\03fd_prestat_dir_name"
    "\09\05fd_pwrite"
    "\07\04fd_read"
    "\0a\05fd_readdir"
    "\0b\02fd_renumber"
    "\07\04fd_seek"
    "\07\01fd_sync"
    "\07\02fd_tell"
    "\08\04fd_write"
    "\15\03path_create_directory"
    "\11\05path_filestat_get"
    "\17\07path_filestat_set_times"
    "\09\07path_link"
    "\09\09path_open"
    "\0d\06path_readlink"
    "\15\03path_remove_directory"
    "\0b\06path_rename"
    "\0c\05path_symlink"
    "\10\03path_unlink_file"
    "\0b\04poll_oneoff"
    "\09\01proc_exit"
    "\0a\01proc_raise"
    "\0a\02random_get"
    "\0b\00sched_yield"
    "\0b\03sock_accept"
    "\09\06sock_recv"
    "\09\05sock_send"
    "\0d\02sock_shutdown"
    "\01\01."
    "\04\02show"
    "\05\01load8"
    "\06\01load32"
    "\06\01load64"
    "\06\02store8"
    "\07\02store32"
    "\07\02store64"
    "\04\03fill"
    "\04\01grow"
    "\04\01drop"
    "\03\01dup"
    "\03\02add"
    "\05\00errno"
    "\06\01repeat"
    "\0b\00until_error"
    "\05\00again"
    "\05\00count"
    "\04\00name"
    "\03\02iov"
    "\04\03open"
    "\06\03openro"
    "\02\00fd"
    "\05\03write"
    "\04\02read"
    "\05\00quiet"
    "\04\00loud"
    "\04\00trap"
    "\00")
  (data (i32.const 216064) "\n unknown word: stack underflow: ")

  (global $sp (mut i32) (i32.const 196608))     ;; the stack of numbers, growing up
  (global $frame (mut i32) (i32.const 204800))  ;; the stack of loops
  (global $base (mut i32) (i32.const 0))        ;; the parameters of the word being done
  (global $errno (mut i32) (i32.const 0))
  (global $fd (mut i32) (i32.const -1))
  (global $loud (mut i32) (i32.const 1))
  (global $count (mut i64) (i64.const 0))
  (global $names (mut i64) (i64.const 0))
  (global $text (mut i32) (i32.const 65536))    ;; where the next text goes
  (global $pc (mut i32) (i32.const 0))
  (global $end (mut i32) (i32.const 0))
  (global $word (mut i32) (i32.const 0))
  (global $word_len (mut i32) (i32.const 0))

  (func (export "_start") (local $start i32) (local $byte i32)
    (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
    (if (i32.gt_u (i32.load (i32.const 4)) (i32.const 60000)) (then (unreachable)))
    (if (i32.lt_u (i32.load (i32.const 0)) (i32.const 2)) (then (return)))
    (global.set $end (i32.add (i32.const 135168) (i32.load (i32.const 4))))
    (drop (call $args_get (i32.const 131072) (i32.const 135168)))
    (global.set $pc (i32.load (i32.const 131076)))
    (i64.store (i32.const 0) (i64.const 0))
    (loop $next
      (loop $skip
        (if (i32.ge_u (global.get $pc) (global.get $end)) (then (return)))
        (if (call $is_space (global.get $pc))
          (then (global.set $pc (i32.add (global.get $pc) (i32.const 1))) (br $skip))))
      (local.set $start (global.get $pc))
      (loop $advance
        (global.set $pc (i32.add (global.get $pc) (i32.const 1)))
        (br_if $advance (i32.and (i32.lt_u (global.get $pc) (global.get $end))
          (i32.eqz (call $is_space (global.get $pc))))))
      (local.set $byte (i32.load8_u (local.get $start)))
      (global.set $word (local.get $start))
      (global.set $word_len (i32.sub (global.get $pc) (local.get $start)))
      (if (i32.eq (local.get $byte) (i32.const 39)) (then (call $literal)) (else
      (if (i32.or (i32.eq (local.get $byte) (i32.const 45))
                  (i32.lt_u (i32.sub (local.get $byte) (i32.const 48)) (i32.const 10)))
        (then (call $number)) (else (call $do)))))
      (br $next)))

  (func $is_space (param $at i32) (result i32)
    (i32.le_u (i32.load8_u (local.get $at)) (i32.const 32)))

  ;; 'text with \HH
  (func $literal (local $from i32) (local $to i32)
    (if (i32.gt_u (global.get $text) (i32.const 120000)) (then (global.set $text (i32.const 65536))))
    (local.set $to (global.get $text))
    (local.set $from (i32.add (global.get $word) (i32.const 1)))
    (block $done (loop $copy
      (br_if $done (i32.ge_u (local.get $from) (global.get $pc)))
      (if (i32.eq (i32.load8_u (local.get $from)) (i32.const 92))
        (then
          (i32.store8 (local.get $to) (i32.or
            (i32.shl (call $hex (i32.load8_u offset=1 (local.get $from))) (i32.const 4))
            (call $hex (i32.load8_u offset=2 (local.get $from)))))
          (local.set $from (i32.add (local.get $from) (i32.const 3))))
        (else
          (i32.store8 (local.get $to) (i32.load8_u (local.get $from)))
          (local.set $from (i32.add (local.get $from) (i32.const 1)))))
      (local.set $to (i32.add (local.get $to) (i32.const 1)))
      (br $copy)))
    (call $push (i64.extend_i32_u (global.get $text)))
    (call $push (i64.extend_i32_u (i32.sub (local.get $to) (global.get $text))))
    (global.set $text (local.get $to)))

  (func $hex (param $c i32) (result i32)
    (if (i32.gt_u (local.get $c) (i32.const 96)) (then (return (i32.sub (local.get $c) (i32.const 87)))))
    (i32.sub (local.get $c) (i32.const 48)))

  (func $number (local $at i32) (local $value i64) (local $minus i32)
    (local.set $at (global.get $word))
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 45))
      (then (local.set $minus (i32.const 1)) (local.set $at (i32.add (local.get $at) (i32.const 1)))))
    (loop $digits
      (local.set $value (i64.add (i64.mul (local.get $value) (i64.const 10))
        (i64.extend_i32_u (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))))
      (br_if $digits (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (global.get $pc))))
    (call $push (select (i64.sub (i64.const 0) (local.get $value)) (local.get $value) (local.get $minus))))

  ;; Finds the word in the vocabulary and does it.
  (func $do (local $entry i32) (local $index i32)
    (local.set $entry (i32.const 217088))
    (loop $search
      (if (i32.eqz (i32.load8_u (local.get $entry))) (then (call $fail (i32.const 216066) (i32.const 14))))
      (if (i32.and (i32.eq (i32.load8_u (local.get $entry)) (global.get $word_len))
                   (call $same (i32.add (local.get $entry) (i32.const 2)) (global.get $word) (global.get $word_len)))
        (then
          (global.set $base (i32.sub (global.get $sp)
            (i32.shl (i32.load8_u offset=1 (local.get $entry)) (i32.const 3))))
          (if (i32.lt_u (global.get $base) (i32.const 196608))
            (then (call $fail (i32.const 216080) (i32.const 17))))
          (global.set $sp (global.get $base))
          (call_indirect (type $word) (local.get $index))
          (return)))
      (local.set $entry (i32.add (local.get $entry) (i32.add (i32.const 2) (i32.load8_u (local.get $entry)))))
      (local.set $index (i32.add (local.get $index) (i32.const 1)))
      (br $search)))

  (func $same (param $a i32) (param $b i32) (param $len i32) (result i32)
    (loop $next
      (if (i32.eqz (local.get $len)) (then (return (i32.const 1))))
      (local.set $len (i32.sub (local.get $len) (i32.const 1)))
      (br_if $next (i32.eq (i32.load8_u (i32.add (local.get $a) (local.get $len)))
                           (i32.load8_u (i32.add (local.get $b) (local.get $len))))))
    (i32.const 0))

  (func $fail (param $at i32) (param $len i32)
    (call $out (local.get $at) (local.get $len))
    (call $out (global.get $word) (global.get $word_len))
    (call $newline)
    (call $proc_exit (i32.const 99))
    (unreachable))

  (func $push (param $value i64)
    (i64.store (global.get $sp) (local.get $value))
    (global.set $sp (i32.add (global.get $sp) (i32.const 8))))

  (func $l (param $index i32) (result i64)
    (i64.load (i32.add (global.get $base) (i32.shl (local.get $index) (i32.const 3)))))

  (func $i (param $index i32) (result i32)
    (i32.wrap_i64 (call $l (local.get $index))))

  ;; Output goes through cells of its own, so that it disturbs nothing the script looks at.
  (func $out (param $at i32) (param $len i32)
    (i32.store (i32.const 215040) (local.get $at))
    (i32.store (i32.const 215044) (local.get $len))
    (drop (call $fd_write (i32.const 1) (i32.const 215040) (i32.const 1) (i32.const 215048))))

  (func $newline (call $out (i32.const 216064) (i32.const 1)))
  (func $space (call $out (i32.const 216065) (i32.const 1)))

  (func $digits (param $value i64) (param $at i32) (result i32) (local $minus i32)
    (if (i64.lt_s (local.get $value) (i64.const 0))
      (then (local.set $minus (i32.const 1)) (local.set $value (i64.sub (i64.const 0) (local.get $value)))))
    (loop $next
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $value) (i64.const 10)))))
      (br_if $next (i64.ne (local.tee $value (i64.div_u (local.get $value) (i64.const 10))) (i64.const 0))))
    (if (local.get $minus)
      (then (local.set $at (i32.sub (local.get $at) (i32.const 1))) (i32.store8 (local.get $at) (i32.const 45))))
    (local.get $at))

  (func $print (param $value i64) (local $at i32)
    (local.set $at (call $digits (local.get $value) (i32.const 214000)))
    (call $out (local.get $at) (i32.sub (i32.const 214000) (local.get $at))))

  (func $begin_line (param $errno i32)
    (global.set $errno (local.get $errno))
    (if (i32.eqz (global.get $loud)) (then (return)))
    (call $out (global.get $word) (global.get $word_len))
    (call $space)
    (call $print (i64.extend_i32_u (local.get $errno))))

  (func $done (param $errno i32)
    (call $begin_line (local.get $errno))
    (if (global.get $loud) (then (call $newline))))

  (func $do_args_get (call $done (call $args_get (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $do_args_sizes_get (call $done (call $args_sizes_get (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $do_environ_get (call $done (call $environ_get (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $do_environ_sizes_get (call $done (call $environ_sizes_get (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $do_clock_res_get (call $done (call $clock_res_get (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $do_clock_time_get (call $done (call $clock_time_get
    (call $i (i32.const 0)) (call $l (i32.const 1)) (call $i (i32.const 2)))))
  (func $do_fd_advise (call $done (call $fd_advise
    (call $i (i32.const 0)) (call $l (i32.const 1)) (call $l (i32.const 2)) (call $i (i32.const 3)))))
  (func $do_fd_allocate (call $done (call $fd_allocate
    (call $i (i32.const 0)) (call $l (i32.const 1)) (call $l (i32.const 2)))))
  (func $do_fd_close (call $done (call $fd_close (call $i (i32.const 0)))))
  (func $do_fd_datasync (call $done (call $fd_datasync (call $i (i32.const 0)))))
  (func $do_fd_fdstat_get (call $done (call $fd_fdstat_get (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $do_fd_fdstat_set_flags (call $done (call $fd_fdstat_set_flags
    (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $do_fd_fdstat_set_rights (call $done (call $fd_fdstat_set_rights
    (call $i (i32.const 0)) (call $l (i32.const 1)) (call $l (i32.const 2)))))
  (func $do_fd_filestat_get (call $done (call $fd_filestat_get (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $do_fd_filestat_set_size (call $done (call $fd_filestat_set_size
    (call $i (i32.const 0)) (call $l (i32.const 1)))))
  (func $do_fd_filestat_set_times (call $done (call $fd_filestat_set_times
    (call $i (i32.const 0)) (call $l (i32.const 1)) (call $l (i32.const 2)) (call $i (i32.const 3)))))
  (func $do_fd_pread (call $done (call $fd_pread
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $l (i32.const 3))
    (call $i (i32.const 4)))))
  (func $do_fd_prestat_get (call $done (call $fd_prestat_get (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $do_fd_prestat_dir_name (call $done (call $fd_prestat_dir_name
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)))))
  (func $do_fd_pwrite (call $done (call $fd_pwrite
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $l (i32.const 3))
    (call $i (i32.const 4)))))
  (func $do_fd_read (call $done (call $fd_read
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)))))
  (func $do_fd_readdir (call $done (call $fd_readdir
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $l (i32.const 3))
    (call $i (i32.const 4)))))
  (func $do_fd_renumber (call $done (call $fd_renumber (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $do_fd_seek (call $done (call $fd_seek
    (call $i (i32.const 0)) (call $l (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)))))
  (func $do_fd_sync (call $done (call $fd_sync (call $i (i32.const 0)))))
  (func $do_fd_tell (call $done (call $fd_tell (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $do_fd_write (call $done (call $fd_write
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)))))
  (func $do_path_create_directory (call $done (call $path_create_directory
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)))))
  (func $do_path_filestat_get (call $done (call $path_filestat_get
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3))
    (call $i (i32.const 4)))))
  (func $do_path_filestat_set_times (call $done (call $path_filestat_set_times
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3))
    (call $l (i32.const 4)) (call $l (i32.const 5)) (call $i (i32.const 6)))))
  (func $do_path_link (call $done (call $path_link
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3))
    (call $i (i32.const 4)) (call $i (i32.const 5)) (call $i (i32.const 6)))))
  (func $do_path_open (call $done (call $path_open
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3))
    (call $i (i32.const 4)) (call $l (i32.const 5)) (call $l (i32.const 6)) (call $i (i32.const 7))
    (call $i (i32.const 8)))))
  (func $do_path_readlink (call $done (call $path_readlink
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3))
    (call $i (i32.const 4)) (call $i (i32.const 5)))))
  (func $do_path_remove_directory (call $done (call $path_remove_directory
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)))))
  (func $do_path_rename (call $done (call $path_rename
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3))
    (call $i (i32.const 4)) (call $i (i32.const 5)))))
  (func $do_path_symlink (call $done (call $path_symlink
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3))
    (call $i (i32.const 4)))))
  (func $do_path_unlink_file (call $done (call $path_unlink_file
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)))))
  (func $do_poll_oneoff (call $done (call $poll_oneoff
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)))))
  (func $do_proc_exit (call $proc_exit (call $i (i32.const 0))))
  (func $do_proc_raise (call $done (call $proc_raise (call $i (i32.const 0)))))
  (func $do_random_get (call $done (call $random_get (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $do_sched_yield (call $done (call $sched_yield)))
  (func $do_sock_accept (call $done (call $sock_accept
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)))))
  (func $do_sock_recv (call $done (call $sock_recv
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3))
    (call $i (i32.const 4)) (call $i (i32.const 5)))))
  (func $do_sock_send (call $done (call $sock_send
    (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3))
    (call $i (i32.const 4)))))
  (func $do_sock_shutdown (call $done (call $sock_shutdown (call $i (i32.const 0)) (call $i (i32.const 1)))))

  (func $do_dot (call $print (call $l (i32.const 0))) (call $newline))
  (func $do_show (call $out (call $i (i32.const 0)) (call $i (i32.const 1))) (call $newline))
  (func $do_load8 (call $push (i64.load8_u (call $i (i32.const 0)))))
  (func $do_load32 (call $push (i64.load32_u (call $i (i32.const 0)))))
  (func $do_load64 (call $push (i64.load (call $i (i32.const 0)))))
  (func $do_store8 (i64.store8 (call $i (i32.const 0)) (call $l (i32.const 1))))
  (func $do_store32 (i64.store32 (call $i (i32.const 0)) (call $l (i32.const 1))))
  (func $do_store64 (i64.store (call $i (i32.const 0)) (call $l (i32.const 1))))
  (func $do_fill (memory.fill (call $i (i32.const 0)) (call $i (i32.const 2)) (call $i (i32.const 1))))
  (func $do_grow (call $push (i64.extend_i32_s (memory.grow (call $i (i32.const 0))))))
  (func $do_nop)
  (func $do_dup (call $push (call $l (i32.const 0))) (call $push (call $l (i32.const 0))))
  (func $do_add (call $push (i64.add (call $l (i32.const 0)) (call $l (i32.const 1)))))
  (func $do_errno (call $push (i64.extend_i32_u (global.get $errno))))
  (func $do_count (call $push (global.get $count)))
  (func $do_fd (call $push (i64.extend_i32_s (global.get $fd))))
  (func $do_quiet (global.set $loud (i32.const 0)))
  (func $do_loud (global.set $loud (i32.const 1)))
  (func $do_trap (unreachable))

  ;; A loop's frame: where it starts, rounds left (-1: until an error), rounds done.
  (func $loop (param $left i64)
    (i32.store (global.get $frame) (global.get $pc))
    (i64.store offset=8 (global.get $frame) (local.get $left))
    (i64.store offset=16 (global.get $frame) (i64.const 0))
    (global.set $frame (i32.add (global.get $frame) (i32.const 24))))
  (func $do_repeat (call $loop (call $l (i32.const 0))))
  (func $do_until_error (call $loop (i64.const -1)))
  (func $do_again (local $top i32) (local $more i32)
    (local.set $top (i32.sub (global.get $frame) (i32.const 24)))
    (if (i64.eq (i64.load offset=8 (local.get $top)) (i64.const -1))
      (then (local.set $more (i32.eqz (global.get $errno)))
        (i64.store offset=16 (local.get $top)
          (i64.add (i64.load offset=16 (local.get $top)) (i64.extend_i32_u (local.get $more)))))
      (else
        (i64.store offset=16 (local.get $top) (i64.add (i64.load offset=16 (local.get $top)) (i64.const 1)))
        (local.set $more
          (i64.lt_u (i64.load offset=16 (local.get $top)) (i64.load offset=8 (local.get $top))))))
    (if (local.get $more)
      (then (global.set $pc (i32.load (local.get $top))))
      (else (global.set $count (i64.load offset=16 (local.get $top))) (global.set $frame (local.get $top)))))

  (func $do_name (local $at i32)
    (local.set $at (i32.sub (call $digits (global.get $names) (i32.const 214000)) (i32.const 1)))
    (i32.store8 (local.get $at) (i32.const 110))
    (global.set $names (i64.add (global.get $names) (i64.const 1)))
    (call $push (i64.extend_i32_u (local.get $at)))
    (call $push (i64.extend_i32_u (i32.sub (i32.const 214000) (local.get $at)))))

  (func $do_iov
    (i32.store (i32.const 16) (call $i (i32.const 0)))
    (i32.store (i32.const 20) (call $i (i32.const 1)))
    (call $push (i64.const 16))
    (call $push (i64.const 1)))

  (func $open_with (param $rights i64)
    (i32.store (i32.const 4) (i32.const -1))
    (call $done (call $path_open (i32.const 3) (i32.const 1) (call $i (i32.const 0)) (call $i (i32.const 1))
      (call $i (i32.const 2)) (local.get $rights) (i64.const -1) (i32.const 0) (i32.const 4)))
    (global.set $fd (i32.load (i32.const 4))))
  (func $do_open (call $open_with (i64.const -1)))
  ;; All rights without those that write: fd_datasync, fd_write, fd_allocate, fd_filestat_set_size.
  (func $do_openro (call $open_with (i64.const -4194626)))

  (func $do_write
    (i32.store (i32.const 24) (call $i (i32.const 1)))
    (i32.store (i32.const 28) (call $i (i32.const 2)))
    (i32.store (i32.const 8) (i32.const 0))
    (call $begin_line (call $fd_write (call $i (i32.const 0)) (i32.const 24) (i32.const 1) (i32.const 8)))
    (call $end_line))
  (func $do_read
    (i32.store (i32.const 24) (i32.const 1024))
    (i32.store (i32.const 28) (call $i (i32.const 1)))
    (i32.store (i32.const 8) (i32.const 0))
    (call $begin_line (call $fd_read (call $i (i32.const 0)) (i32.const 24) (i32.const 1) (i32.const 8)))
    (if (global.get $loud) (then
      (call $space) (call $print (i64.load32_u (i32.const 8)))
      (call $space) (call $out (i32.const 1024) (i32.load (i32.const 8)))
      (call $newline))))
  (func $end_line
    (if (i32.eqz (global.get $loud)) (then (return)))
    (call $space) (call $print (i64.load32_u (i32.const 8))) (call $newline)))
