/** Square matrices of small size, row by row in one Float64Array. */

/**
 * Return the upper triangular matrix W of a covariance C with W W' = inverse of C, so that rows x W have the identity
 * as their covariance.
 * @param {Float64Array} covariance (size * size) symmetric, positive definite.
 * @param {number} size
 */
export function whitening(covariance, size) {
  const lower = cholesky(covariance, size);
  const made = new Float64Array(size * size);
  // Columns of the inverse of the lower factor, by substitution; they are the rows of its transpose.
  for (let column = 0; column < size; column += 1) {
    for (let row = column; row < size; row += 1) {
      let sum = row === column ? 1 : 0;
      for (let index = column; index < row; index += 1) sum -= lower[row * size + index] * made[column * size + index];
      made[column * size + row] = sum / lower[row * size + row];
    }
  }
  return made;
}

/**
 * @param {Float64Array} matrix
 * @param {number} size
 */
function cholesky(matrix, size) {
  const lower = new Float64Array(size * size);
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column <= row; column += 1) {
      let sum = matrix[row * size + column];
      for (let index = 0; index < column; index += 1) sum -= lower[row * size + index] * lower[column * size + index];
      lower[row * size + column] = row === column ? Math.sqrt(sum) : sum / lower[column * size + column];
    }
  }
  return lower;
}

/**
 * Multiply a row by an upper triangular matrix.
 * @param {ArrayLike<number>} row (size)
 * @param {Float64Array} upper (size * size)
 * @param {number} size
 */
export function timesUpper(row, upper, size) {
  const made = new Float64Array(size);
  for (let from = 0; from < size; from += 1) {
    const factor = row[from];
    for (let to = from; to < size; to += 1) made[to] += factor * upper[from * size + to];
  }
  return made;
}

/**
 * Add the products of a row with itself to a matrix.
 * @param {Float64Array} matrix (size * size), changed here.
 * @param {ArrayLike<number>} row (size)
 * @param {number} [weight]
 */
export function addOuter(matrix, row, weight = 1) {
  const size = row.length;
  for (let first = 0; first < size; first += 1) {
    const factor = weight * row[first];
    for (let second = 0; second < size; second += 1) matrix[first * size + second] += factor * row[second];
  }
}

/**
 * @param {ArrayLike<number>} numbers
 * @returns {number} The logarithm of the sum of their exponentials.
 */
export function logSumExp(numbers) {
  let most = -Infinity;
  for (let index = 0; index < numbers.length; index += 1) most = Math.max(most, numbers[index]);
  let sum = 0;
  for (let index = 0; index < numbers.length; index += 1) sum += Math.exp(numbers[index] - most);
  return most + Math.log(sum);
}
