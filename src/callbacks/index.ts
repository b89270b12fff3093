// deltaprop/callbacks: Keras' callbacks for fit({ callbacks }) and trainInWorker().

export { earlyStopping } from "./early-stopping.ts";
export type { EarlyStopping, EarlyStoppingOptions } from "./early-stopping.ts";
export { learningRateScheduler, reduceLROnPlateau } from "./learning-rates.ts";
export type { LearningRateSchedulerOptions, ReduceLROnPlateauOptions } from "./learning-rates.ts";
export { modelCheckpoint } from "./model-checkpoint.ts";
export type { ModelCheckpointOptions } from "./model-checkpoint.ts";
export { csvLogger } from "./csv-logger.ts";
export type { CsvLogger, CsvLoggerOptions } from "./csv-logger.ts";
export type { MonitorOptions } from "./monitor.ts";
