# Completion of kiln for fish: kiln itself says what may come next.
function __kiln_complete
    set -l words (commandline -opc)
    set -l kiln (string replace -r '^~' $HOME -- $words[1])
    set -l found ($kiln completion fish -- $words[2..-1] (commandline -ct) 2>/dev/null)
    if test "$found[1]" = :files
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $found
    end
end
complete -c kiln -f -k -a '(__kiln_complete)'
