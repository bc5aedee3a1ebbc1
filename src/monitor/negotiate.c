/* Reads the headers Accept and Host. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "monitor/answer.h"

static bool is_word(const char *text, size_t length, const char *word)
{
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

/* The weight among the parameters of a media range, in thousandths. */
static int weight(const char *parameters, const char *end)
{
    while (parameters < end) {
        const char *name = parameters + 1 + strspn(parameters + 1, " \t");
        int thousandths = 0, place = 100;

        parameters = name + strcspn(name, ";,");
        if (strncasecmp(name, "q=", 2) != 0)
            continue;
        if (name[2] == '1')
            return 1000;
        for (const char *digit = name + 4; name[2] == '0' && name[3] == '.' && *digit >= '0' && *digit <= '9';
             digit++) {
            thousandths += (*digit - '0') * place;
            place /= 10;
        }
        return thousandths;
    }
    return 1000;
}

static int most(int a, int b)
{
    return a > b ? a : b;
}

bool answer_is_openmetrics(const char *accept)
{
    int open = 0, plain = 0;

    while (accept && *accept) {
        const char *type = accept + strspn(accept, " \t,");
        size_t length = strcspn(type, ";,");

        accept = type + strcspn(type, ",");
        if (is_word(type, length, "application/openmetrics-text"))
            open = most(open, weight(type + length, accept));
        else if (is_word(type, length, "text/plain") || is_word(type, length, "text/*") || is_word(type, length, "*/*"))
            plain = most(plain, weight(type + length, accept));
    }
    return open > 0 && open >= plain;
}

/* Whether nothing but a port follows. */
static bool is_end(const char *rest)
{
    return *rest == '\0' || (*rest == ':' && rest[1 + strspn(rest + 1, "0123456789")] == '\0');
}

/* "gpu.example.org." is the same name: the dot says that it is whole. */
static size_t without_dot(const char *name, size_t length)
{
    return length > 1 && name[length - 1] == '.' ? length - 1 : length;
}

bool answer_is_loopback(const char *host)
{
    bool bracket = *host == '[';
    size_t length = bracket ? strcspn(host + 1, "]") : strcspn(host, ":");
    char name[64];
    struct in_addr in;
    struct in6_addr in6;

    if (length >= sizeof(name) || (bracket && host[length + 1] != ']') || !is_end(host + length + bracket * 2))
        return false;
    memcpy(name, host + bracket, length);
    name[bracket ? length : without_dot(name, length)] = '\0';
    if (bracket)
        return inet_pton(AF_INET6, name, &in6) == 1 && IN6_IS_ADDR_LOOPBACK(&in6);
    if (strcasecmp(name, "localhost") == 0)
        return true;
    return inet_pton(AF_INET, name, &in) == 1 && ntohl(in.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* The length of the name in @host, without its port. */
static size_t name_length(const char *host)
{
    size_t length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");

    return length <= strlen(host) && is_end(host + length) ? without_dot(host, length) : 0;
}

bool answer_is_host(const char *host, const char *name)
{
    size_t length = name_length(host);

    return length && length == without_dot(name, strlen(name)) && strncasecmp(host, name, length) == 0;
}

bool answer_is_allowed(const char *host, const char *list)
{
    size_t length = name_length(host);

    for (const char *name = list; length; name++) {
        size_t end = strcspn(name, ","), wanted = without_dot(name, end);
        bool below = *name == '.';

        if (wanted == 1 && *name == '*')
            return true;
        if (length == wanted - below && strncasecmp(host, name + below, length) == 0)
            return true;
        if (below && length > wanted && strncasecmp(host + length - wanted, name, wanted) == 0)
            return true;
        name += end;
        if (!*name)
            break;
    }
    return false;
}

/* "gpu.example.org", ".example.org", "[2001:db8::1]" or "*" */
static bool is_name(const char *name, size_t length)
{
    bool bracket = *name == '[';

    if (length == 1 && *name == '*')
        return true;
    if (bracket && (length < 4 || name[length - 1] != ']'))
        return false;
    for (size_t i = bracket; i < length - bracket; i++) {
        if (!(bracket ? isxdigit((unsigned char)name[i]) || strchr(":.", name[i])
                      : isalnum((unsigned char)name[i]) || strchr("-._", name[i])))
            return false;
    }
    return length > (*name == '.');
}

int answer_check_allowed(const char *list, struct genv_error *err)
{
    for (const char *name = list;; name++) {
        size_t length = strcspn(name, ",");

        if (!is_name(name, length))
            return error_set(err, EINVAL,
                             "--allowed-hosts: '%.*s' is not a host name: expected one such as gpu.example.org "
                             "(without scheme or port), .example.org or *",
                             (int)length, name);
        name += length;
        if (!*name)
            return 0;
    }
}
