// A script that fails at once, as one does that a server answers with its page of errors.

throw new Error("this is no worker of the library");
