#compdef kiln
# Completion of kiln for zsh: kiln itself says what may come next.
_kiln() {
  local -a found
  found=("${(@f)$(${words[1]/#\~/$HOME} completion zsh -- "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
  if [[ $found[1] == :files ]]; then
    _files
  elif [[ -n $found[1] ]]; then
    _describe -V kiln found
  fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _kiln "$@"; else compdef _kiln kiln; fi
