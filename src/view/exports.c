/* Takes back the names that the machine's library lacks, when the view is loaded: programs choose among a function's
 * versions by which of them are there, and dlsym() is what they ask, often before they call anything. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/macros.h"
#include "view/backend.h"

/* Makes @symbol of the dynamic linker's table one that is not defined, as the linker sees it. The table is in a segment
 * of its own that is only read (-z separate-code). */
static void undefine(ElfW(Sym) * symbol, size_t page_size)
{
    uintptr_t first = (uintptr_t)symbol & ~(page_size - 1);
    size_t length = (uintptr_t)(symbol + 1) - first;

    if (mprotect((void *)first, length, PROT_READ | PROT_WRITE) < 0)
        return;
    symbol->st_value = 0;
    mprotect((void *)first, length, PROT_READ);
}

/* The handle that dlsym() takes for this library. */
static void *open_itself(void)
{
    Dl_info info;

    return dladdr(backend_targets, &info) && info.dli_fname ? dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD) : NULL;
}

__attribute__((constructor)) static void take_back_names(void)
{
    size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
    int saved = errno;
    void *itself = NULL;

    for (enum entry entry = 0; entry < ENTRY_COUNT; entry++) {
        ElfW(Sym) *symbol = NULL;
        void *address;
        Dl_info info;

        /* Views know each other by this one. */
        if (entry == ENTRY_nvmlInternalGetExportTable || !backend_lacks(entry))
            continue;
        if (!itself && !(itself = open_itself()))
            break;
        address = dlsym(itself, entry_names[entry]);
        if (address && dladdr1(address, &info, (void **)&symbol, RTLD_DL_SYMENT) && symbol && info.dli_saddr == address)
            undefine(symbol, page_size);
    }
    if (itself)
        dlclose(itself);
    errno = saved;
}
