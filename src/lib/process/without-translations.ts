import { registerHooks } from "node:module";

/**
 * Imported before zod is: keeps zod from loading its messages in all languages, 66 files, which is a third of what its
 * import costs a command. Kiln writes its own messages, and zod gets its English ones from elsewhere.
 */
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "../locales/index.js" && context.parentURL?.includes("/node_modules/zod/")
      ? { url: "data:text/javascript,", format: "module", shortCircuit: true }
      : next(specifier, context),
});
