/* Memory for QuickJS, which the host may refuse: `memory_refused` says that it did. */
#include "shim.h"
#include <malloc.h>
#include <stdlib.h>

/* Freed when a program has failed, so that it can be told even if memory ran out. */
static void *reserve;
#define RESERVE_BYTES (64 << 10)

bool memory_refused;

void memory_use_reserve(void)
{
    free(reserve);
    reserve = NULL;
}

void memory_keep_reserve(void)
{
    if (!reserve)
        reserve = malloc(RESERVE_BYTES);
}

static void *noted(void *got)
{
    memory_refused |= got == NULL;
    return got;
}

static void *js_zeroed(void *opaque, size_t number, size_t size)
{
    return noted(calloc(number, size));
}

static void *js_memory(void *opaque, size_t size)
{
    return noted(malloc(size));
}

static void js_give_back(void *opaque, void *at)
{
    free(at);
}

static void *js_resized(void *opaque, void *at, size_t size)
{
    if (size == 0) {
        free(at);
        return NULL;
    }
    return noted(realloc(at, size));
}

static size_t js_size(const void *at)
{
    return malloc_usable_size((void *)at);
}

const JSMallocFunctions MEMORY = {
    .js_calloc = js_zeroed,
    .js_malloc = js_memory,
    .js_free = js_give_back,
    .js_realloc = js_resized,
    .js_malloc_usable_size = js_size,
};
