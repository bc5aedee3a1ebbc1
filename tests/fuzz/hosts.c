/* Host files and lists: what is let through means nothing to a shell or to ssh, can be written, and reads alike. */
#include "fuzz.h"

#include <strings.h>

#include "base/text.h"
#include "remote/hosts.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static bool is_harmless(const char *word, const char *more)
{
    word += strspn(word, LETTERS);
    while (*word && strchr(more, *word))
        word += 1 + strspn(word + 1, LETTERS);
    return *word == '\0';
}

static void check_valid(const struct host_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct host *host = &list->hosts[i];
        size_t user = strlen(host->destination) - strlen(host->name);

        promise(*host->name && *host->destination != '-' && is_harmless(host->destination, "._:%-+@"));
        promise(strcmp(host->destination + user, host->name) == 0 && !strpbrk(host->name, "+@"));
        promise(user == 0 || (user > 1 && host->destination[user - 1] == '@'));
        promise(*host->genv && *host->genv != '-' && is_harmless(host->genv, "._+/,@-~"));
        promise(!strchr(host->genv, '~') || (strncmp(host->genv, "~/", 2) == 0 && !strchr(host->genv + 1, '~')));
        for (size_t k = 0; k < i; k++)
            promise(strcasecmp(list->hosts[k].name, host->name) != 0);
    }
}

static void check_file(char *input, size_t size)
{
    cleanup_host_list struct host_list list = {0}, again = {0};
    cleanup_text struct text text = TEXT_INIT;
    struct genv_error err = {0};

    if (hosts_parse_file("hosts", input, size, NULL, &list, &err) < 0) {
        promise(strncmp(err.message, "hosts", 5) == 0 && utf8_is_printable(err.message) && !list.hosts);
        return;
    }
    promise(list.count > 0);
    check_valid(&list);
    for (size_t i = 0; i < list.count; i++)
        text_addf(&text, "%s genv=%s\n", list.hosts[i].destination, list.hosts[i].genv);
    promise(hosts_parse_file("hosts", text.data, text.length, NULL, &again, NULL) == 0 && again.count == list.count);
    for (size_t i = 0; i < list.count; i++) {
        promise(strcmp(again.hosts[i].destination, list.hosts[i].destination) == 0);
        promise(strcmp(again.hosts[i].genv, list.hosts[i].genv) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct host_defaults defaults = {.user = "paul"};
    cleanup_free char *input = input_text(data, size);
    cleanup_host_list struct host_list list = {0};
    struct genv_error err = {0};

    if (size > 4096) /* each host is compared with all others */
        return 0;
    if (hosts_parse(input, &defaults, &list, &err) < 0)
        promise(*err.message && utf8_is_printable(err.message) && !list.hosts);
    else
        promise(list.count > 0);
    check_valid(&list);
    check_file(input, size);
    return 0;
}
