/* Memory as QuickJS asks for it, and a reserve for the time when there is none left. */
#include "shim.h"

/* Freed when a program has failed, so that it can be told even if memory ran out. */
static void *reserve;
#define RESERVE_BYTES (64 << 10)

void memory_use_reserve(void)
{
    heap_free(reserve);
    reserve = NULL;
}

void memory_keep_reserve(void)
{
    if (!reserve)
        reserve = heap_alloc(RESERVE_BYTES);
}

static void *js_zeroed(void *opaque, size_t number, size_t size)
{
    return heap_zeroed(number, size);
}

static void *js_memory(void *opaque, size_t size)
{
    return heap_alloc(size);
}

static void js_give_back(void *opaque, void *at)
{
    heap_free(at);
}

static void *js_resized(void *opaque, void *at, size_t size)
{
    if (size > 0)
        return heap_resize(at, size);
    heap_free(at);
    return NULL;
}

const JSMallocFunctions MEMORY = {
    .js_calloc = js_zeroed,
    .js_malloc = js_memory,
    .js_free = js_give_back,
    .js_realloc = js_resized,
    .js_malloc_usable_size = heap_size,
};
