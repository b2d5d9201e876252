/* What the parts of the shim share. The shim makes QuickJS-ng a guest with turns; see ../README.md.
 *
 * It never trusts that an allocation succeeds: memory that the host refuses must become an error
 * of the program, not a trap. */
#ifndef SANDCELL_SHIM_H
#define SANDCELL_SHIM_H

#include "quickjs.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern JSRuntime *runtime;
extern JSContext *context;
/* The library's functions that C calls; see ../lib/start.js. */
extern JSValue hooks;

/* engine.c: what quickjs.h does not offer. */
void engine_seed(JSContext *ctx, uint64_t seed);
void engine_drop_jobs(JSRuntime *rt);
void engine_forget_modules(JSContext *ctx, const char *prefix);
JSValue engine_parts(JSContext *ctx, JSValueConst value);

/* text.c: bytes that grow. */
typedef struct {
    char *at;
    size_t len, cap;
    bool failed;
} Text;
void text_put(Text *text, const char *bytes, size_t len);
void text_puts(Text *text, const char *string);
void text_json(Text *text, const char *wtf8, size_t len, size_t most);
size_t text_well_formed(char *wtf8, size_t len);
void text_free(Text *text);

/* output.c: the streams. */
void output_write(int fd, const char *bytes, size_t len);
void output_flush(void);
extern bool output_by_lines;

/* timers.c */
typedef struct Timer {
    struct Timer *chain;
    size_t place;
    uint64_t age;
    int32_t id;
    double due, every; /* milliseconds; `every` < 0: once */
    bool keeps;        /* the program waits for it */
    JSValue callback;
    int argc;
    JSValue argv[];
} Timer;
bool timers_add(Timer *timer);
void timers_move(Timer *timer, double due);
void timers_remove(Timer *timer);
void timers_keep(Timer *timer, bool keeps);
Timer *timers_find(int32_t id);
Timer *timers_next(void);
extern size_t timers_kept;

/* loop.c: what waits for the program to pause. */
typedef enum { LOOP_DONE, LOOP_RAISED, LOOP_EXIT } LoopEnd;
LoopEnd loop_run(void);
void loop_clear(void);
bool loop_take_error(JSValue *error);
void loop_begin(void);
void loop_install(JSContext *ctx, JSValue native);
extern bool exit_requested;
extern int32_t exit_code;

/* modules.c */
void modules_install(JSContext *ctx, JSValue native);
JSValue modules_compile(JSContext *ctx, const char *source, size_t len, const char *name);

/* translator.c */
bool translator_takes(const char *name);
bool translator_install(JSContext *ctx, const char *source, size_t len);
char *translator_run(JSContext *ctx, const char *source, size_t *len, const char *name);
void translator_begin(void);
void translator_offer(JSContext *ctx, JSValue native);

/* files.c */
void files_install(JSContext *ctx, JSValue native);
char *files_read(const char *path, size_t *len);

/* native.c: random numbers, time, text, the host. */
void native_install(JSContext *ctx, JSValue native);
void native_seed(JSContext *ctx);

/* heap.c */
void *heap_alloc(size_t wanted);
void *heap_zeroed(size_t number, size_t each);
void *heap_resize(void *at, size_t wanted);
void heap_free(void *at);
size_t heap_size(const void *at);
/* Some memory was refused since this was last set to false. */
extern bool memory_refused;

/* memory.c */
extern const JSMallocFunctions MEMORY;
void memory_use_reserve(void);
void memory_keep_reserve(void);

/* program.c */
typedef struct {
    const char *name, *source;
    size_t len;
} Program;
/* What ran: its value, or what nothing caught. */
typedef struct {
    enum { VALUE, RAISED, EXITED } kind;
    JSValue value;
} Ran;
Ran program_run(const Program *program, bool is_turn);
Ran program_raised(JSValue error);
bool program_is_syntax_error(JSValueConst error);

/* answer.c */
#define ANSWER_BYTES (1 << 20) /* unless a head says otherwise */
#define ANSWER_BYTES_LEAST 256
extern size_t answer_bytes;
void answer_begin(void);
void answer_put(Ran ran, const Program *program);
uint8_t *answer_finish(void);

/* abi.c: memory that `host_alloc` gave. */
void abi_release(void *allocated);

/* turn.c: of the shadow stack, which the build makes this large, the margin is for what runs below a check. */
#define STACK_BYTES (4 << 20)
#define STACK_MARGIN (256 << 10)
uint8_t *turn_answer(char *request, size_t len);
JSValue hook(const char *name, int argc, JSValueConst *argv);
int turn_plain(const char *source, size_t len);
void turn_finish(void);
void turn_freeze(void);

#endif
