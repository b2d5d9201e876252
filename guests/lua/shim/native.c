/* What the library cannot do in Lua: random numbers, the environment, the host. */
#include "shim.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

__attribute__((import_module("host"), import_name("call"))) int32_t host_call(
    const char *request, size_t len, uint8_t **answer, size_t *answer_len);

/* call(request): the answer of the host; nil if it has no tools. */
static int call_host(lua_State *state)
{
    size_t len, answer_len = 0;
    const char *request = luaL_checklstring(state, 1, &len);
    uint8_t *answer = NULL;
    fflush(stdout);
    int32_t status = host_call(request, len, &answer, &answer_len);
    if (status == -1)
        return 0;
    if (status != 0 || !answer)
        return luaL_error(state, "the host could not answer");
    lua_pushlstring(state, (char *)answer, answer_len);
    abi_release(answer);
    return 1;
}

static int set_env(lua_State *state)
{
    if (setenv(luaL_checkstring(state, 1), luaL_checkstring(state, 2), 1))
        return luaL_error(state, "not enough memory");
    return 0;
}

/* lines(): standard output is written line by line in this run. */
static int set_lines(lua_State *state)
{
    (void)state;
    setvbuf(stdout, NULL, _IOLBF, 0);
    return 0;
}

/* clock(): what passes of time, in seconds; a guest cannot ask for its processor time. */
static int read_clock(lua_State *state)
{
    struct timespec now = { 0 };
    clock_gettime(CLOCK_MONOTONIC, &now);
    lua_pushnumber(state, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
    return 1;
}

int native_open(lua_State *state)
{
    static const luaL_Reg FUNCTIONS[] = {
        { "call", call_host }, { "setenv", set_env }, { "lines", set_lines }, { "clock", read_clock }, { NULL, NULL },
    };
    luaL_newlib(state, FUNCTIONS);
    return 1;
}

/* New random numbers: the library hands them to `math.randomseed`. */
void native_seed(void)
{
    lua_Integer seed[2] = { 0 };
    getentropy(seed, sizeof seed);
    hook("seed");
    lua_pushinteger(lua, seed[0]);
    lua_pushinteger(lua, seed[1]);
    lua_call(lua, 2, 0);
}
