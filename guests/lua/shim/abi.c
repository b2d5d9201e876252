/* The exports: `sandcell_turn`, which answers with JSON, and the reactor's own. */
#include "shim.h"

#define EXPORT(name) __attribute__((export_name(name)))

/* The exception that setjmp and longjmp are made of; libc throws it and defines it nowhere. */
__asm__(".globl __c_longjmp\n.tagtype __c_longjmp i32\n__c_longjmp:\n");

/* Requests that fit need no allocation, which also works in a guest that was stopped. */
static char small[4096];

/* The request's memory; the shim adds a NUL, and frees it. */
EXPORT("host_alloc") void *host_alloc(uint32_t len)
{
    if (len < sizeof small)
        return small;
    return len < UINT32_MAX ? heap_alloc((size_t)len + 1) : NULL;
}

void abi_release(void *allocated)
{
    if (allocated != small)
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
