# What `genv remote activate` has fish read behind the user's own files.
#
# Until here the variables served what those files start in place of this shell. Now it enters by itself, so that it can
# leave as well.
$GENV_LOGIN_GENV shell --init fish | source
__genv_leave
if test -n "$GENV_LOGIN_PROMPT"
    genv activate --id $GENV_LOGIN_ID --no-load --no-attach
else
    genv activate --id $GENV_LOGIN_ID --no-load --no-attach --no-prompt
end
set -eg GENV_LOGIN_FILE
set -eg GENV_LOGIN_GENV
set -eg GENV_LOGIN_ID
set -eg GENV_LOGIN_PROMPT
