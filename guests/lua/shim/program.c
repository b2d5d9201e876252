/* Programs: compiling one so that the value of the expression it ends with is its result. */
#include "shim.h"
#include <ctype.h>
#include <string.h>

/* How many lines the last expression may have. */
#define LINES_MOST 64

typedef struct {
    const char *text;
    size_t len;
} Piece;

static const char *next_piece(lua_State *state, void *data, size_t *len)
{
    (void)state;
    Piece **at = data;
    while ((*at)->text && (*at)->len == 0)
        (*at)++;
    const char *text = (*at)->text;
    *len = (*at)->len;
    if (text)
        (*at)++;
    return text;
}

static int load(const Piece *pieces, const char *name)
{
    const Piece *at = pieces;
    return lua_load(lua, next_piece, &at, name, "t");
}

/* Whether it is a program by itself. */
static bool compiles(const Piece *pieces)
{
    int status = load(pieces, "=");
    lua_pop(lua, 1);
    return status == LUA_OK;
}

/* Whether a line may begin an expression of its own. Where the whole is a program already, a line that
 * does not begin with a name may belong to the statement before it. */
static bool may_begin(const char *line, const char *end, bool whole)
{
    while (line < end && isspace((unsigned char)*line))
        line++;
    if (line == end || *line == ';' || (end - line > 1 && line[0] == '-' && line[1] == '-'))
        return false;
    return !whole || isalpha((unsigned char)*line) || *line == '_';
}

/* Replaces the compiled program, or the reason why it is none, on the stack by one that returns the
 * expression at its end, if it has one. No line changes its number. Parentheses keep a call from being a
 * tail call, which would hide the program's own line from tracebacks. */
static bool with_result(const char *source, size_t len, const char *name, bool whole)
{
    const char *end = source + len, *line = end;
    for (int lines = 0; lines < LINES_MOST && line > source; lines++) {
        line--;
        while (line > source && line[-1] != '\n')
            line--;
        if (!may_begin(line, end, whole))
            continue;
        Piece before = { source, (size_t)(line - source) }, rest = { line, (size_t)(end - line) };
        static const char *const OPENING[] = { "return (", "return " }, *const CLOSING[] = { "\n)", "" };
        for (int way = 0; way < 2; way++) {
            Piece open = { OPENING[way], strlen(OPENING[way]) }, close = { CLOSING[way], strlen(CLOSING[way]) };
            if (!compiles((Piece[]){ open, rest, close, { 0 } }))
                continue;
            /* Otherwise the line lies inside of something, such as a text. */
            if (!compiles((Piece[]){ before, { 0 } }))
                break;
            if (load((Piece[]){ before, open, rest, close, { 0 } }, name) == LUA_OK) {
                lua_remove(lua, -2);
                return true;
            }
            lua_pop(lua, 1);
        }
    }
    return false;
}

int program_compile(char *source, size_t len, const char *name)
{
    if (len > 1 && source[0] == '#') /* as a file that the shell starts */
        memcpy(source, "--", 2);
    const char *chunk = lua_pushfstring(lua, *name == '/' ? "@%s" : "=%s", name);
    int status = load((Piece[]){ { source, len }, { 0 } }, chunk);
    if (status == LUA_OK || status == LUA_ERRSYNTAX) {
        if (with_result(source, len, chunk, status == LUA_OK))
            status = LUA_OK;
    }
    lua_remove(lua, -2);
    return status;
}
