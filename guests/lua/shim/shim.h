/* What the parts of the shim share. The shim makes Lua a guest with turns; see ../README.md.
 *
 * Memory that the host refuses must become an error of the program, never a trap. */
#ifndef SANDCELL_SHIM_H
#define SANDCELL_SHIM_H

#include "lauxlib.h"
#include "lua.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* turn.c: the one state; NULL once it was closed. */
extern lua_State *lua;
uint8_t *turn_answer(char *request, size_t len);
int turn_plain(char *source, size_t len);
void turn_finish(void);
/* Pushes a function of the library; see ../lib/start.lua. */
void hook(const char *name);

/* program.c: pushes the compiled program, or why it is none. */
int program_compile(char *source, size_t len, const char *name);

/* native.c: what the library cannot do in Lua. */
int native_open(lua_State *state);
void native_seed(void);

/* answer.c */
extern size_t answer_bytes;
void answer_begin(void);
void answer_values(int first);
void answer_raised(int status);
uint8_t *answer_finish(void);

/* abi.c: memory that `host_alloc` gave. */
void abi_release(void *allocated);

/* heap.c, which JavaScript's guest has too. */
void *heap_alloc(size_t wanted);
void *heap_zeroed(size_t number, size_t each);
void *heap_resize(void *at, size_t wanted);
void heap_free(void *at);
size_t heap_size(const void *at);
extern bool memory_refused;

#endif
