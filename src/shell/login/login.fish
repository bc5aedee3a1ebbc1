# What `genv remote activate` has fish read behind the user's own files.
#
# Until here the variables served what those files start in place of this shell. Now it enters by itself, so that it can
# leave as well.
set -eg GENV_ENVIRONMENT_ID
set -eg GENV_ENVIRONMENT_NAME
set -eg GENV_GPUS
set -eg GENV_GPU_MEMORY
set -eg CUDA_VISIBLE_DEVICES
set -eg CUDA_DEVICE_ORDER
$GENV_LOGIN_GENV shell --init fish | source
if test -n "$GENV_LOGIN_PROMPT"
    genv activate --id $GENV_LOGIN_ID --no-load --no-attach
else
    genv activate --id $GENV_LOGIN_ID --no-load --no-attach --no-prompt
end
set -eg GENV_LOGIN_FILE
set -eg GENV_LOGIN_GENV
set -eg GENV_LOGIN_ID
set -eg GENV_LOGIN_PROMPT
