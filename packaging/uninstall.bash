#!/usr/bin/env bash
# uninstall.bash PREFIX: removes what ./run install made below PREFIX, and says what it leaves.
set -euo pipefail
prefix=$1
checkout=$(dirname "${BASH_SOURCE[0]}")/..
. "$checkout/packaging/layout.bash"

# The environments that live in the state directory, or why that can't be told; nothing if it is not needed any more.
find_use() {
    local genv lives other
    for other in /usr /usr/local; do
        if [[ $other != "$prefix" && -x $other/bin/genv ]]; then
            echo "the genv in $other uses it"
            return
        fi
    done
    for genv in "$root/bin/genv" "$prefix/bin/genv" "$checkout/build/src/cli/genv"; do
        [[ ! -x $genv ]] || break
    done
    if [[ -x $genv ]]; then
        if ! lives=$(env -i "GENV_TMPDIR=$state" "$genv" envs --format csv --no-header 2>/dev/null); then
            echo "'genv envs' fails"
        elif [[ $lives ]]; then
            echo "environments live in it: $(cut -d , -f 1,2 <<<"$lives" | sed 's/,/ of /' | paste -s -d , | sed 's/,/, /g')"
        fi
    elif [[ $(find "$state/envs" -name '*.json' -print -quit 2>/dev/null) ]]; then
        echo 'there are environments in it, and no genv to say whether they live'
    fi
}

# Nobody can make an environment while the lock is held, nor in a directory that is gone.
remove_state_directory() {
    local use lock
    if [[ -f $state/genv.lock && ! -L $state/genv.lock ]]; then
        exec {lock}<"$state/genv.lock"
        flock -w 10 "$lock" || use="somebody holds $state/genv.lock"
    fi
    : "${use:=$(find_use)}"
    if [[ ! $use ]] && mountpoint -q "$state"; then
        use='a file system is mounted there'
    fi
    if [[ $use ]]; then
        echo "Kept $state: $use. Once it is not needed: rm -r $state"
    else
        rm -rf "$state"
        echo "Removed $state"
    fi
}

# What systemd still has of a unit whose file is gone is its administrator's to end.
report_unit() {
    local unit=$1 wanted
    mapfile -t wanted < <(find /etc/systemd/system -name "$unit" -type l 2>/dev/null)
    if [[ -e /sys/fs/cgroup/system.slice/$unit || -e /sys/fs/cgroup/systemd/system.slice/$unit ]]; then
        echo "$unit is running; to stop it: systemctl stop $unit"
    fi
    if ((${#wanted[@]})); then
        echo "$unit is enabled; to disable it: rm ${wanted[*]}; systemctl daemon-reload"
    fi
}

remove_system_files() {
    local file
    for file in "${system_files[@]}"; do
        if [[ -e $prefix/$file ]]; then
            rm "$prefix/$file"
            echo "Removed $prefix/$file"
        fi
    done
    for file in "${system_files[@]##*/}"; do
        if [[ $file == *.service || $file == *.mount ]]; then
            report_unit "$file"
        fi
    done
}

# Removes the folders given, below $prefix, that are empty, and those above; what every system has stays.
remove_empty_folders() {
    local folder
    for folder; do
        while [[ $folder != "$prefix" ]]; do
            case $(is_for_the_system && echo "${folder#"$prefix/"}") in
            bin | include | lib | share | share/man) break ;;
            esac
            rmdir "$folder" 2>/dev/null || break
            folder=${folder%/*}
        done
    done
    is_for_the_system || rmdir "$prefix" 2>/dev/null || true
}

mapfile -d '' links < <(list_links)
is_older_layout && older=yes || older=
if [[ ! -d $root/shims && ! -L $root && ${#links[@]} == 0 && ! $older ]]; then
    elsewhere=$(genv root 2>/dev/null) || true
    [[ $elsewhere != */lib/genv ]] ||
        fail "no genv is installed in $prefix, but in $elsewhere: give --prefix ${elsewhere%/lib/genv}"
    fail "no genv is installed in $prefix"
fi
is_writable "$prefix/lib" || fail "$prefix/lib cannot be written: run this as root"

if is_for_the_system && [[ -d $state && ! -L $state && -O $state ]]; then
    remove_state_directory
fi
if [[ $older ]]; then
    remove_older_layout
    echo "Removed an older genv, whose files lay among the others in $prefix"
fi
if [[ -d $root/shims || -L $root ]]; then
    rm -rf "$root"
    echo "Removed $root"
fi
if ((${#links[@]})); then
    rm -f "${links[@]}"
    echo "Removed ${#links[@]} links to it"
fi
if is_for_the_system; then
    remove_system_files
    ldconfig
fi
remove_empty_folders "${links[@]%/*}" "$prefix"/{bin,include,lib/pkgconfig,share/man/man1} \
    "$prefix"/share/{bash-completion/completions,zsh/site-functions,fish/vendor_completions.d} \
    "$prefix"/lib/{systemd/system,tmpfiles.d} "$prefix/lib"
echo "What you added to the start-up files of your shells, such as 'eval \"\$(genv shell --init)\"', is still there."
