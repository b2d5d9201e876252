/* The exports: design section 6, and `sandcell_turn`, which answers with JSON. */
#include "shim.h"
#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(name)))

/* What fits needs no allocation. It is one place, and a request keeps it while its program runs: answers of
 * tools that come meanwhile go elsewhere. */
static char small[4096];
static bool small_taken;
/* Requests of one byte are signals. They must also work in a guest that was stopped anywhere in its code. */
static char single[2];

/* Memory for a request or for an answer of the host; the shim adds a NUL to requests, and frees both. */
EXPORT("host_alloc") void *host_alloc(uint32_t len)
{
    if (len < sizeof single)
        return single;
    if (len < sizeof small && !small_taken) {
        small_taken = true;
        return small;
    }
    return len < UINT32_MAX ? heap_alloc((size_t)len + 1) : NULL;
}

void abi_release(void *allocated)
{
    if (allocated == small)
        small_taken = false;
    else if (allocated != single)
        heap_free(allocated);
}

/* Runs a request; the answer is a little-endian length and as many bytes. 0: no memory for it. */
EXPORT("sandcell_turn") uint8_t *sandcell_turn(char *request, uint32_t len)
{
    request[len] = 0;
    uint8_t *answer = turn_answer(request, len);
    abi_release(request);
    return answer;
}

EXPORT("turn") int turn(char *source, uint32_t len)
{
    static char nothing[1];
    if (len == 0)
        source = nothing;
    source[len] = 0;
    int status = turn_plain(source, len);
    if (len > 0)
        abi_release(source);
    return status;
}

/* There is no program in the arguments: programs come as turns. */
EXPORT("run") int run(void)
{
    return 0;
}

EXPORT("shutdown") int shutdown(void)
{
    turn_finish();
    return 0;
}
