/** Names a request, so that its sender can ask whether the catalog server is still at work on it. */
export const requestHeader = 'canardstack-request';

/** `GET <path><id>`: 204 while the server is at work on that request, else 404. */
export const runningPath = '/running/';
