/* Users, by number and name. */
#include "base/user.h"

#include <pwd.h>
#include <stdio.h>

#include "base/text.h"

void user_name(uid_t uid, char *name, size_t size)
{
    char buffer[4096];
    struct passwd entry, *found = NULL;

    if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) == 0 && found && utf8_is_printable(found->pw_name))
        copy_string(name, size, found->pw_name);
    else
        snprintf(name, size, "%u", (unsigned)uid);
}
