/* Takes back the names that the machine's library lacks, when the view is loaded: programs choose among a function's
 * versions by which of them are there, and dlsym() is what they ask, often before they call anything. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/macros.h"
#include "view/backend.h"

/* What the dynamic linker looks names up in. */
struct symbols {
    ElfW(Sym) * table;
    size_t count;
    const char *names;
};

static bool find_symbols(struct symbols *ret_symbols)
{
    struct symbols symbols = {.table = NULL};
    uintptr_t base;
    Dl_info info;

    if (!dladdr(backend_targets, &info))
        return false;
    base = (uintptr_t)info.dli_fbase;
    for (const ElfW(Dyn) *entry = _DYNAMIC /* of this library */; entry->d_tag != DT_NULL; entry++) {
        /* An address, which the dynamic linker has made one in memory, unless it leaves the section as it is. */
        uintptr_t address = entry->d_un.d_ptr < base ? entry->d_un.d_ptr + base : entry->d_un.d_ptr;

        if (entry->d_tag == DT_SYMTAB)
            symbols.table = (void *)address;
        else if (entry->d_tag == DT_STRTAB)
            symbols.names = (const char *)address;
        else if (entry->d_tag == DT_HASH)
            symbols.count = ((const uint32_t *)address)[1]; /* as many chains as symbols */
    }
    *ret_symbols = symbols;
    return symbols.table && symbols.names && symbols.count;
}

static int compare_name(const void *name, const void *entry_name)
{
    return strcmp(name, entry_name);
}

static bool is_lacking(const char *name)
{
    const void *found = bsearch(name, entry_names, ENTRY_COUNT, sizeof(entry_names[0]), compare_name);
    enum entry entry = found ? (enum entry)((const char(*)[sizeof(entry_names[0])])found - entry_names) : ENTRY_COUNT;

    /* By that one views know each other. */
    return found && entry != ENTRY_nvmlInternalGetExportTable && backend_lacks(entry);
}

/* The table is in a segment that is only read and holds no code (-z separate-code). */
static int protect(const struct symbols *symbols, int protection)
{
    uintptr_t first = (uintptr_t)symbols->table & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);

    return mprotect((void *)first, (uintptr_t)(symbols->table + symbols->count) - first, protection);
}

__attribute__((constructor)) static void take_back_names(void)
{
    struct symbols symbols;
    int saved = errno;

    if (backend_is_there() && find_symbols(&symbols) && protect(&symbols, PROT_READ | PROT_WRITE) == 0) {
        for (size_t i = 0; i < symbols.count; i++) {
            if (symbols.table[i].st_value && is_lacking(symbols.names + symbols.table[i].st_name))
                symbols.table[i].st_value = 0; /* to the dynamic linker, one that is not defined */
        }
        protect(&symbols, PROT_READ);
    }
    errno = saved;
}
