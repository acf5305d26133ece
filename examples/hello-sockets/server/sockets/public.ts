import { defineSocket } from "portcullis";

/** Anyone may connect: no `authenticate`, no token. The origin is checked all the same. */
export const publicSocket = defineSocket({});
