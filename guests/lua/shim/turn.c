/* Turns: reading a request, running its program, and answering. ../README.md has the protocol. */
#include "shim.h"
#include "lualib.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

/* The exception that setjmp and longjmp are made of; libc throws it and defines it nowhere. */
__asm__(".globl __c_longjmp\n.tagtype __c_longjmp i32\n__c_longjmp:\n");

static const char LIBRARY[] = {
#embed "library.lua"
    , 0
};

lua_State *lua;
static char hooks; /* its address is where the registry has the library */
static unsigned turns;

static void *allocate(void *context, void *at, size_t had, size_t wanted)
{
    (void)context, (void)had;
    if (wanted > 0)
        return heap_resize(at, wanted);
    heap_free(at);
    return NULL;
}

__attribute__((constructor)) static void start(void)
{
    static char out[8192];
    setvbuf(stdout, out, _IOFBF, sizeof out);
    lua = lua_newstate(allocate, NULL);
    luaL_openlibs(lua);
    int failed = luaL_loadbufferx(lua, LIBRARY, sizeof LIBRARY - 1, "=<sandcell>", "t");
    if (!failed) {
        native_open(lua);
        failed = lua_pcall(lua, 1, 1, 0);
    }
    if (failed) {
        fprintf(stderr, "the library failed: %s\n", lua_tostring(lua, -1));
        abort();
    }
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &hooks);
}

void hook(const char *name)
{
    lua_rawgetp(lua, LUA_REGISTRYINDEX, &hooks);
    lua_getfield(lua, -1, name);
    lua_remove(lua, -2);
}

static void flush(void)
{
    fflush(stdout);
    fflush(stderr);
}

/* What a head says beside its flags: the library takes it, and tells the name and `result_bytes`. */
static void read_head(const char *json, size_t len, char *name, size_t name_cap)
{
    hook("begin");
    lua_pushlstring(lua, json, len);
    lua_call(lua, 1, 2);
    if (lua_isstring(lua, -2))
        snprintf(name, name_cap, "%s", lua_tostring(lua, -2));
    if (lua_isinteger(lua, -1) && lua_tointeger(lua, -1) >= 1024)
        answer_bytes = (size_t)lua_tointeger(lua, -1);
}

/* Runs a program; its values, or what nothing caught, are on the stack from 2 on. */
static int run(char *source, size_t len, const char *name)
{
    lua_settop(lua, 0);
    hook("handle");
    int status = program_compile(source, len, name);
    if (status)
        return status;
    hook("arguments");
    lua_call(lua, 0, LUA_MULTRET);
    return lua_pcall(lua, lua_gettop(lua) - 2, LUA_MULTRET, 1);
}

/* A request: flags and head, if it has them, and the source. */
typedef struct {
    char *head, *source;
    size_t head_len, len;
    int status;
} Request;

/* The whole of a turn, called by Lua so that memory that runs out anywhere in it is its error. */
static int answered(lua_State *state)
{
    Request *request = lua_touserdata(state, 1);
    char name[4200] = "";
    if (request->head_len > 0 && (*request->head == 'f' || *request->head == 'F')) {
        native_seed();
        request->head++;
        request->head_len--;
    }
    if (request->head_len > 0)
        read_head(request->head, request->head_len, name, sizeof name);
    if (!*name)
        snprintf(name, sizeof name, "<turn %u>", ++turns);
    request->status = run(request->source, request->len, name);
    luaL_checkstack(state, 20, NULL);
    if (request->status)
        answer_raised(request->status);
    else
        answer_values(2);
    return 0;
}

/* Exceptions have a heap of their own, which counts against the same limit: once this has been thrown it is
 * there, also for the error that says that memory ran out. */
static void make_room_for_exceptions(void)
{
    jmp_buf here;
    if (!setjmp(here))
        longjmp(here, 1);
}

static int answer(Request *request)
{
    make_room_for_exceptions();
    answer_begin();
    memory_refused = false;
    /* What an earlier run left unread of its input is not this one's. */
    clearerr(stdin);
    __fpurge(stdin);
    setvbuf(stdout, NULL, _IOFBF, 0);
    lua_settop(lua, 0);
    lua_pushcfunction(lua, answered);
    lua_pushlightuserdata(lua, request);
    int status = lua_pcall(lua, 1, 0, 0);
    if (status) {
        answer_begin();
        answer_raised(status);
        request->status = status;
    }
    lua_settop(lua, 0);
    flush();
    return request->status;
}

uint8_t *turn_answer(char *text, size_t len)
{
    static uint32_t nothing;
    if (len == 1 && text[0] == '!') {
        flush();
        return (uint8_t *)&nothing;
    }
    if (!lua)
        return NULL;
    if (len == 1 && text[0] == 'z') {
        lua_gc(lua, LUA_GCCOLLECT);
        heap_free(heap_alloc(256 << 10)); /* so that a small turn need not grow the memory */
        turns = 0;
        return (uint8_t *)&nothing;
    }
    char *end = memchr(text, '\n', len);
    if (!end)
        return NULL;
    answer(&(Request){ text, end + 1, (size_t)(end - text), len - (size_t)(end + 1 - text), 0 });
    return answer_finish();
}

int turn_plain(char *source, size_t len)
{
    return !lua || answer(&(Request){ source, source, 0, len, 0 }) ? 1 : 0;
}

/* What the end of an interpreter does: objects are finalised, files closed and so written. */
void turn_finish(void)
{
    if (lua)
        lua_close(lua);
    lua = NULL;
    flush();
}
