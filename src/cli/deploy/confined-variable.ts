/** Set by the controller for a commit of a git repository: its author is not the user that the build runs as. */
export const confinedVariable = "KILN_CONFINED";
